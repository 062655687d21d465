// What every page to read does: it stays readable without a network, and says where a notebook can't be run.
const site = new URL('..', document.currentScript.src);

// What has to be scrolled sideways can be reached by the keyboard.
const reach = () => {
  for (const box of document.querySelectorAll('pre, div.math, .table-wrapper'))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
};
reach();
addEventListener('resize', reach);

if (location.protocol === 'file:') {
  for (const box of document.querySelectorAll('.run-box')) {
    box.querySelector('p').textContent =
      'A browser runs notebooks only from a web server, and this page comes from a file. In the folder of the ' +
      'site, python -m http.server starts one; then open the address that it prints.';
    box.querySelector('.run-button').remove();
  }
} else if (navigator.serviceWorker) {
  addEventListener('load', async () => {
    await navigator.serviceWorker.register(new URL('service-worker.js', site));
    const cache = await caches.open('thinking-machines');
    const parts = performance.getEntriesByType('resource').map(part => part.name);
    for (const part of [location.href.split('#')[0], ...parts])
      if (part.startsWith(site.href)) cache.add(part).catch(() => {});
  });
}
