// The bar above a notebook that runs: how much of Python has arrived, the page to read, and the way back to the
// original. JupyterLite itself says none of this.
const lite = new URL('..', document.currentScript.src);
const python = new URL('python/', lite);
const opened = new URLSearchParams(location.search).get('path') ?? '';
const MB = bytes => Math.round(bytes / 1e6);
const BUSY = 30; // seconds until a cell that still runs is spoken of
performance.setResourceTimingBufferSize(2000);

const bar = document.createElement('div');
bar.id = 'course-bar';
bar.setAttribute('role', 'region');
bar.setAttribute('aria-label', 'Thinking Machines');
bar.innerHTML = `<a>Read this as a page</a><progress aria-label="Python is arriving" max="1" value="0"></progress>
  <span role="status"></span><button type="button">Reset this notebook</button>`;
const [link, progress, status, button] = bar.children;
link.href = new URL(opened.endsWith('.ipynb') ? `../${opened.replace('.ipynb', '.html')}` : '../index.html', lite);
button.hidden = true;
document.body.prepend(bar);

const say = (text, arriving = false) => {
  status.textContent = text;
  progress.hidden = !arriving;
};

// Ask for the parts of Python at once, while JupyterLite still starts; the kernel then finds them in the
// browser's cache.
async function arrive() {
  const parts = await (await fetch(new URL('files.json', python))).json();
  const all = parts.reduce((sum, [, size]) => sum + size, 0);
  let come = 0;
  const show = () => {
    progress.value = come / all;
    say(`Python is arriving: ${MB(Math.min(come, all))} of ${MB(all)} MB`, true);
  };
  show();
  await Promise.all(parts.map(async ([name]) => {
    const answer = await fetch(new URL(name, python));
    if (!answer.ok) throw new Error(name);
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      come += value.length;
      show();
    }
  }));
  say('Python is starting …', true);
  progress.removeAttribute('value');
  return parts.map(([name]) => new URL(name, python).href);
}

const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));
const notebook = () => window.jupyterapp?.shell?.currentWidget;
const kernel = () => notebook()?.sessionContext?.session?.kernel;

async function ready() {
  while (kernel()?.status !== 'idle') await pause(200);
}

// What it takes to run this notebook again without a network. All of it has just been loaded.
async function keep(parts) {
  const cache = await caches.open('thinking-machines');
  const loaded = performance.getEntriesByType('resource').map(part => part.name);
  const here = [location.href.split('#')[0], new URL('pyodide-lock.json', python).href, ...parts];
  for (const part of new Set([...here, ...loaded.filter(name => name.startsWith(lite.href))]))
    if (!(await cache.match(part))) await cache.add(part).catch(() => {});
  bar.dataset.kept = 'yes';
}

async function watch() {
  for (let busy = 0; ; busy = kernel()?.status === 'busy' ? busy + 1 : 0) {
    if (busy === BUSY)
      say('Still computing. If it never ends: Kernel menu, Restart Kernel. What you wrote stays.');
    else if (busy === 0)
      say(navigator.onLine ? 'What you change is saved in this browser.'
        : 'You’re offline. Notebooks that you have run before still work.');
    await pause(1000);
  }
}

button.addEventListener('click', async () => {
  const { context } = notebook();
  const { contents } = window.jupyterapp.serviceManager;
  if (!confirm('Bring this notebook back as it was? Your version stays beside it as a copy.')) return;
  await context.save();
  const mine = await contents.get(context.path, { content: true });
  const moment = new Date().toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.');
  const copy = context.path.replace(/\.ipynb$/, ` (mine, ${moment}).ipynb`);
  await contents.save(copy, { ...mine, path: copy, name: copy.split('/').pop() });
  await contents.delete(context.path);
  const again = new URL(location.href);
  again.searchParams.set('path', context.path);
  location.replace(again);
});

(async () => {
  try {
    const parts = await arrive();
    await ready();
    if (innerWidth < 700) window.jupyterapp.shell.collapseLeft(); // on a phone the list of files hides the notebook
    button.hidden = false;
    watch();
    await keep(parts);
  } catch (problem) {
    say(`A part of Python didn’t arrive (${problem.message}). Reload this page to try again, or read the notebook.`);
  }
})();
