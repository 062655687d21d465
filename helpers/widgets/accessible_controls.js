// JupyterLab leaves the keys of an element with this mark alone: the arrows then choose, and do not go to the next cell.
function keepKeys(box) {
  for (const control of box.querySelectorAll("input[type=radio], select")) control.setAttribute("data-lm-suppress-shortcuts", "true");
}

// Someone who cannot see a slider hears its label and its value: both are written beside the handle, and here also on it.
function name(box) {
  for (const handle of box.querySelectorAll("[role=slider], .ui-slider-handle")) {
    const slider = handle.closest(".widget-inline-hbox");
    for (const [attribute, from] of [["aria-label", ".widget-label"], ["aria-valuetext", ".widget-readout"]]) {
      const text = slider?.querySelector(from)?.textContent.trim();
      if (text && handle.getAttribute(attribute) !== text) handle.setAttribute(attribute, text);
    }
  }
}

// Home and End go to the ends that the slider was made with: where the list of values has changed since, the arrows go the rest.
function goToTheEnd(event) {
  const [end, arrow] = { Home: ["aria-valuemin", "ArrowLeft"], End: ["aria-valuemax", "ArrowRight"] }[event.key] ?? [];
  const handle = event.target;
  if (!end || handle.getAttribute("role") !== "slider") return;
  for (let before = NaN, now; (now = handle.ariaValueNow) !== handle.getAttribute(end) && now !== before; before = now)
    handle.dispatchEvent(new KeyboardEvent("keydown", { key: arrow, bubbles: true }));
}

// ---- a kernel that is gone ------------------------------------------------------------------------------------------

const AGAIN = document.body.dataset.voila ? "Reload the page." : "Run this cell again.";
const RESTARTED = `The kernel was restarted. ${AGAIN}`;
const STOPPED = `The kernel has stopped. ${AGAIN}`;
const LOST = "The connection to the kernel is lost, so what you type or choose here can't be recorded.";
const ENDED = { restarting: RESTARTED, autorestarting: RESTARTED, terminating: STOPPED, dead: STOPPED }; // by the kernel's status
const CONTROLS = "button, input, select, textarea, canvas, .noUi-target, .ui-slider";

// Ask the widget in the kernel for an answer. A new kernel handles the question too, and does not know the widget:
// then it says that it is done, and nothing else. A kernel that is busy says nothing yet, and that is no sign of anything.
function ask(model) {
  let answered = false;
  const hear = () => {
    answered = true;
    model.set("gone", "");
  };
  const status = ({ content }) => {
    if (content.execution_state !== "idle") return;
    setTimeout(() => {
      model.off("msg:custom", hear);
      if (!answered) model.set("gone", RESTARTED);
    }, 200);
  };
  model.on("msg:custom", hear);
  try {
    model.send({}, { iopub: { status } });
  } catch {
    model.set("gone", RESTARTED); // the page has closed the way to the kernel
  }
}

// Once for each widget: its attribute "gone" is kept in the page, and holds the sentence that its views show.
function initialize({ model }) {
  const kernel = model.widget_manager?.kernel;
  const end = (sentence) => model.set("gone", model.get("gone") || sentence);
  const signals = [
    [kernel?.disposed, () => end(STOPPED)],
    [kernel?.statusChanged, (_, status) => (status in ENDED ? end(ENDED[status]) : status === "starting" && ask(model))],
    [kernel?.connectionStatusChanged, (_, status) => {
      if (status === "disconnected") end(LOST);
      if (status === "connected" && model.get("gone") === LOST) ask(model);
    }],
  ];
  for (const [signal, slot] of signals) signal?.connect(slot);
  return () => signals.forEach(([signal, slot]) => signal?.disconnect(slot));
}

function lock(box, locked) {
  for (const control of box.querySelectorAll(locked ? CONTROLS : "[data-tm-locked]")) {
    if (locked && (control.disabled || control.inert)) continue;
    control.toggleAttribute("data-tm-locked", locked);
    control.toggleAttribute("disabled" in control ? "disabled" : "inert", locked);
    if (control.matches(".noUi-target")) control.toggleAttribute("disabled", locked);
  }
}

// ---- what is done to a box ------------------------------------------------------------------------------------------

function render({ model, el }) {
  let box = null;
  let frame = 0;
  let asking = 0;
  const say = () => {
    const gone = model.get("gone") ?? "";
    el.textContent = gone;
    el.className = gone && "tm-gone";
    el.style.display = gone ? "block" : "none";
    lock(box, gone !== "");
  };
  const improve = () => {
    name(box);
    keepKeys(box);
    if (model.get("gone")) lock(box, true);
  };
  const askSoon = () => {
    asking = 0;
    ask(model);
  };
  const touched = () => (asking ||= setTimeout(askSoon, 500)); // once for a burst of keys
  const watcher = new MutationObserver(improve); // the slider library writes its own value text at every move
  el.setAttribute("role", "alert");
  (function find() {
    box = el.closest(".widget-box");
    if (!box) return (frame = requestAnimationFrame(find)); // not in the page yet
    watcher.observe(box, { subtree: true, childList: true, characterData: true, attributeFilter: ["aria-valuetext"] });
    box.addEventListener("keydown", goToTheEnd);
    for (const kind of ["pointerdown", "keydown"]) box.addEventListener(kind, touched, true);
    model.on("change:gone", say);
    improve();
    say();
  })();
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(asking);
    watcher.disconnect();
    model.off("change:gone", say);
    box?.removeEventListener("keydown", goToTheEnd);
    for (const kind of ["pointerdown", "keydown"]) box?.removeEventListener(kind, touched, true);
  };
}

export default { initialize, render };
