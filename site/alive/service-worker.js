// Without a network, what this browser has kept is shown; and a page that says so for what it hasn't.
// Pages put what they need into the cache themselves. This file serves the notebooks that run as well, from
// the folder below; there JupyterLite's own service worker comes after it.
{ // a scope of its own: JupyterLite's names are its own too
const CACHE = 'thinking-machines';
const offline = new URL(self.offlinePage ?? 'offline.html', location);

addEventListener('install', event => {
  skipWaiting();
  event.waitUntil(caches.open(CACHE).then(cache => cache.add(offline)));
});
addEventListener('activate', event => event.waitUntil(clients.claim()));
addEventListener('fetch', event => {
  const { request } = event;
  const { pathname } = new URL(request.url);
  if (request.method !== 'GET' || /\/api\/(drive|stdin|service-worker-heartbeat)/.test(pathname)) return;
  event.stopImmediatePropagation();
  event.respondWith(fetch(request).catch(() => kept(request)));
});

const kept = async request => {
  const cache = await caches.open(CACHE);
  const page = request.mode === 'navigate';
  const found = await cache.match(request, { ignoreSearch: page });
  return found ?? (page ? await cache.match(offline) : Response.error());
};
}
