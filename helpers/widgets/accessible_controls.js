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

function mend(box) {
  name(box);
  keepKeys(box);
}

function render({ el }) {
  let box = null;
  let frame = 0;
  const watcher = new MutationObserver(() => mend(box)); // the slider library writes its own value text at every move
  (function find() {
    box = el.closest(".widget-box");
    if (!box) return (frame = requestAnimationFrame(find)); // not in the page yet
    watcher.observe(box, { subtree: true, childList: true, characterData: true, attributeFilter: ["aria-valuetext"] });
    box.addEventListener("keydown", goToTheEnd);
    mend(box);
  })();
  return () => {
    cancelAnimationFrame(frame);
    watcher.disconnect();
    box?.removeEventListener("keydown", goToTheEnd);
  };
}

export default { render };
