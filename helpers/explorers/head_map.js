// Draws heat maps on one canvas: for each panel a grid of numbers with its words, and under it a line that
// reads out the cell under the pointer or the keyboard. The numbers arrive as float32 bytes and are never changed here.
const FONT = "system-ui, sans-serif";
const GAP = 18;

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "tm-head-map";
  const scroller = root.appendChild(document.createElement("div"));
  scroller.className = "tm-scroll";
  const canvas = scroller.appendChild(document.createElement("canvas"));
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  const readout = root.appendChild(document.createElement("div"));
  readout.className = "tm-readout";
  readout.setAttribute("aria-live", "polite");
  el.appendChild(root);

  let scene = null; // what is drawn now: panels, sizes, positions
  let cell = null; // the cell that is pointed at or focused: [panel, row, column]
  let keyboard = false;

  const read = () => {
    const bytes = model.get("data");
    const view = bytes instanceof DataView ? bytes : new DataView(bytes);
    const [n, rows, columns] = model.get("shape");
    // a copy, because the bytes need not start where a Float32Array may start
    const numbers = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + 4 * n * rows * columns));
    return { n, rows, columns, numbers };
  };

  const table = (name) => {
    const bytes = model.get("palettes")[name];
    return bytes instanceof DataView ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
  };

  const short = (word, longest = 12) => (word.length > longest ? word.slice(0, longest - 1) + "…" : word);

  function layout(context, { n, rows, columns }) {
    const width = Math.max(280, (el.clientWidth || 900) - 4);
    const rowWords = model.get("rows").map((w) => short(w));
    const columnWords = model.get("columns").map((w) => short(w));
    context.font = `11px ${FONT}`;
    const widest = (words) => Math.ceil(Math.max(8, ...words.map((w) => context.measureText(w).width)));
    const left = widest(rowWords) + 10;
    const wish = model.get("cell_size");
    const smallest = 5;
    let perLine = n;
    let size = 0;
    for (; perLine >= 1; perLine--) {
      size = Math.floor((width - perLine * (left + GAP)) / (perLine * columns));
      if (size >= Math.min(wish, Math.max(smallest, Math.floor(150 / columns)))) break;
    }
    perLine = Math.max(1, perLine);
    size = Math.max(smallest, Math.min(wish, size));
    const lines = Math.ceil(n / perLine);
    perLine = Math.ceil(n / lines); // 9 panels as 5 + 4, not 8 + 1
    const upright = widest(columnWords) > size - 6; // words that do not fit above their column stand upright
    const top = 22 + (upright ? widest(columnWords) + 8 : 18);
    context.font = `bold 12px ${FONT}`;
    const panelWidth = left + Math.max(size * columns, widest(model.get("panels").map((p) => p.title))) + GAP;
    const panelHeight = top + size * rows + 12;
    return { left, top, size, perLine, lines, upright, rowWords, columnWords, panelWidth, panelHeight,
             width: perLine * panelWidth, height: lines * panelHeight };
  }

  const origin = (p) => [(p % scene.perLine) * scene.panelWidth + scene.left, Math.floor(p / scene.perLine) * scene.panelHeight + scene.top];
  const value = (p, i, j) => scene.numbers[(p * scene.rows + i) * scene.columns + j];
  const label = (p, i, j) => {
    const panel = scene.panels[p];
    if (panel.labels) return panel.labels[i][j];
    const v = value(p, i, j);
    if (!Number.isFinite(v)) return v < 0 ? "−∞" : "∞";
    const text = v.toFixed(panel.digits);
    return Number(text) === 0 ? text.replace("-", "") : text;
  };

  function draw() {
    const style = getComputedStyle(root);
    const ink = style.getPropertyValue("--tm-ink").trim() || "#111";
    const faint = style.getPropertyValue("--tm-faint").trim() || "#666";
    const numbers = read();
    const panels = model.get("panels");
    let context = canvas.getContext("2d");
    scene = { ...numbers, panels, ...layout(context, numbers) };
    const { n, rows, columns, size, left, top } = scene;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.ceil(scene.width * ratio), Math.ceil(scene.height * ratio)];
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
      canvas.style.width = `${scene.width}px`;
      canvas.style.height = `${scene.height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, scene.width, scene.height);
    const focusPanel = model.get("focus");
    for (let p = 0; p < n; p++) {
      const [x0, y0] = origin(p);
      const { title, palette, low, high } = panels[p];
      const colours = table(palette);
      const pixels = new ImageData(columns, rows);
      const light = new Uint8Array(rows * columns);
      for (let k = 0; k < rows * columns; k++) {
        const v = scene.numbers[p * rows * columns + k];
        let c = [229, 229, 229]; // no number, such as -inf: light grey
        if (Number.isFinite(v)) {
          const at = palette === "words" ? v : Math.floor(Math.min(1, Math.max(0, (v - low) / (high - low))) * 255 + 0.5);
          c = colours.subarray(3 * at, 3 * at + 3);
        }
        pixels.data.set([c[0], c[1], c[2], 255], 4 * k);
        light[k] = 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2] > 140 ? 1 : 0;
      }
      const small = new OffscreenCanvas(columns, rows);
      small.getContext("2d").putImageData(pixels, 0, 0);
      context.imageSmoothingEnabled = false;
      context.drawImage(small, x0, y0, size * columns, size * rows);
      context.fillStyle = ink;
      context.textAlign = "left";
      context.textBaseline = "alphabetic";
      context.font = `${p === focusPanel ? "bold " : ""}12px ${FONT}`;
      context.fillText(title, x0 - 2, y0 - top + 13);
      if (p === focusPanel) {
        context.strokeStyle = ink;
        context.lineWidth = 2;
        context.strokeRect(x0 - 2, y0 - 2, size * columns + 4, size * rows + 4);
      }
      context.font = `11px ${FONT}`;
      context.fillStyle = faint;
      const step = Math.ceil(11 / size); // not every word fits beside a very small cell
      context.textBaseline = "middle";
      for (let i = 0; i < rows; i += step) {
        context.textAlign = "right";
        context.fillText(scene.rowWords[i], x0 - 6, y0 + (i + 0.5) * size);
      }
      for (let j = 0; j < columns; j += step) {
        context.save();
        context.translate(x0 + (j + 0.5) * size, y0 - 5);
        if (scene.upright) {
          context.rotate(-Math.PI / 2);
          context.textAlign = "left";
        } else {
          context.textAlign = "center";
          context.translate(0, -5);
        }
        context.fillText(scene.columnWords[j], 0, 0);
        context.restore();
      }
      const longest = Math.max(3, ...(panels[p].labels ? panels[p].labels.flat().map((t) => t.length) : [panels[p].digits + 3]));
      if (size >= 7.5 * longest) {
        context.textAlign = "center";
        for (let i = 0; i < rows; i++)
          for (let j = 0; j < columns; j++) {
            context.fillStyle = light[i * columns + j] ? "#000" : "#fff";
            context.fillText(label(p, i, j), x0 + (j + 0.5) * size, y0 + (i + 0.5) * size);
          }
      }
    }
    mark(context, ink);
    canvas.setAttribute("aria-label", model.get("description"));
    say();
  }

  function mark(context, ink) {
    // the pointed-at row and column are lit in every panel, so that heads can be compared
    if (!cell || cell[0] >= scene.n || cell[1] >= scene.rows || cell[2] >= scene.columns) return;
    const [panel, i, j] = cell;
    const { size, rows, columns } = scene;
    for (let p = 0; p < scene.n; p++) {
      const [x0, y0] = origin(p);
      context.lineWidth = 1;
      context.strokeStyle = "rgba(255,255,255,0.85)";
      context.strokeRect(x0 + 0.5, y0 + i * size + 0.5, size * columns - 1, size - 1);
      context.strokeRect(x0 + j * size + 0.5, y0 + 0.5, size - 1, size * rows - 1);
      if (p === panel) {
        context.lineWidth = 3;
        context.strokeStyle = "#e11d48";
        context.strokeRect(x0 + j * size, y0 + i * size, size, size);
      }
    }
  }

  function say() {
    const note = model.get("note");
    if (!cell || cell[0] >= scene.n || cell[1] >= scene.rows || cell[2] >= scene.columns) {
      readout.textContent = note || "Point at a cell, or press the arrow keys, to read its number.";
      return;
    }
    const [p, i, j] = cell;
    const arrow = model.get("reads");
    let text = `${scene.panels[p].title} · ` + arrow.replace("{row}", model.get("rows")[i]).replace("{column}", model.get("columns")[j]);
    const v = value(p, i, j);
    text += scene.panels[p].labels ? `: ${label(p, i, j)}` : `: ${Number.isFinite(v) ? v.toFixed(Math.max(3, scene.panels[p].digits)) : label(p, i, j)}`;
    if (scene.panels[p].palette === "weights") {
      let sum = 0;
      for (let k = 0; k < scene.columns; k++) sum += value(p, i, k);
      text += ` · row sums to ${sum.toFixed(3)}`;
    }
    readout.textContent = text;
  }

  const point = (to, press = false) => {
    const same = cell && to && to.every((v, k) => v === cell[k]);
    cell = to;
    if (!same) draw();
    if (to && (press || !same)) model.send({ kind: press ? "press" : "point", cell: to });
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    for (let p = 0; p < scene.n; p++) {
      const [x0, y0] = origin(p);
      const [j, i] = [Math.floor((x - x0) / scene.size), Math.floor((y - y0) / scene.size)];
      if (i >= 0 && j >= 0 && i < scene.rows && j < scene.columns) return [p, i, j];
    }
    return null;
  };
  canvas.addEventListener("pointermove", (event) => {
    const to = at(event);
    if (to || !keyboard) point(to);
    if (to) keyboard = false;
  });
  canvas.addEventListener("pointerleave", () => keyboard || point(null));
  canvas.addEventListener("click", (event) => {
    const to = at(event);
    if (to) point(to, true);
  });
  canvas.addEventListener("keydown", (event) => {
    const [p, i, j] = cell || [Math.max(0, model.get("focus")), 0, 0];
    const { n, rows, columns } = scene;
    const moves = {
      ArrowUp: [p, Math.max(0, i - 1), j], ArrowDown: [p, Math.min(rows - 1, i + 1), j],
      ArrowLeft: [p, i, Math.max(0, j - 1)], ArrowRight: [p, i, Math.min(columns - 1, j + 1)],
      Home: [p, i, 0], End: [p, i, columns - 1],
      PageUp: [(p + n - 1) % n, i, j], PageDown: [(p + 1) % n, i, j],
    };
    const press = event.key === "Enter" || event.key === " ";
    if (!press && !moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook would run the cell or move on
    keyboard = true;
    point(press || !cell ? [p, i, j] : moves[event.key], press);
  });
  canvas.addEventListener("blur", () => {
    keyboard = false;
    point(null);
  });

  model.on("change:stamp", draw); // everything else is set in the same message, before this
  const watcher = new ResizeObserver(() => el.clientWidth && draw());
  watcher.observe(el);
  draw();
  return () => watcher.disconnect();
}

export default { render };
