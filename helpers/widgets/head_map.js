// Draws heat maps on one canvas: for each panel a grid of numbers with its words, and under them a line that
// reads out the cell under the pointer or the keyboard. The numbers arrive as float32 bytes and are never changed here.
//
// The titles and words are drawn when they or the room for them change. Other numbers for the same words, and the
// pointer, draw only the cells. Whatever happens, there is one drawing a frame.
const FONT = "system-ui, sans-serif";
const GAP = 18; // between panels
const SMALLEST = 4; // the side of a cell
const LONGEST_WORD = 84; // longer labels end in …; the line below says the whole word
const LONGEST_TITLE = 220;
const NO_NUMBER = 0xffe5e5e5; // light grey, for what is no number; such a cell also gets a ×
const LABEL = 11; // the size of a word, where there is room
const CONTROLS = 400; // the height of what stands above and below maps that fit into the window, the page's own bars included
const PAUSE = 60; // ms between two messages about where the pointer is
const SILENCE = 400; // ms without change, after which a screen reader is told
const HINT = "Arrow keys move over the cells, Page Up and Page Down over the maps, Home and End to the ends of a row. Enter or a click chooses a cell.";

function render({ model, el }) {
  const root = add(el, "div", "tm-head-map");
  const above = model.get("reads_above"); // the line that reads out stands where the eye is
  const head = above ? add(root, "div", "tm-head") : null;
  const row = above ? wordRow(root, model, { point: (to) => point(to), changed: () => later() }) : null;
  const scroller = add(root, "div", "tm-scroll");
  const canvas = add(scroller, "canvas");
  const foot = add(root, "div", "tm-foot");
  const readout = add(head || foot, "div", "tm-readout");
  const reason = head && add(head, "div", "tm-reason");
  const remark = head && add(foot, "div", "tm-remark");
  const legend = add(foot, "div", "tm-legend");
  const hint = add(root, "div", "tm-unseen");
  const status = add(root, "div", "tm-unseen");
  hint.textContent = HINT;
  hint.id = `tm-hint-${Math.random().toString(36).slice(2)}`; // one model may have several views
  canvas.tabIndex = 0;
  canvas.dataset.lmSuppressShortcuts = "true"; // or JupyterLab would take the arrow keys
  // as an image, the canvas would not get the arrow keys from a screen reader
  set(canvas, { role: "application", "aria-roledescription": "heat map", "aria-describedby": hint.id });
  set(status, { role: "status" });
  for (const seen of [head || readout, legend]) set(seen, { "aria-hidden": "true" }); // the status says the same, once nothing moves

  const context = canvas.getContext("2d");
  const tile = document.createElement("canvas"); // one pixel a cell, the panels below each other
  const palettes = {};
  let hatch = null; // the pattern of masked cells
  let scene = null; // what is drawn now: numbers, panels, sizes, positions
  let [room, ink] = [0, "#111827"]; // the width to draw in, the colour of the page's text
  let cell = null; // the cell that is pointed at or focused: [panel, row, column]
  let lit = null; // the panel whose labels show that cell's words
  let keyboard = false;

  // -- what there is to draw -----------------------------------------------------------------------

  function read() {
    const [n, rows, columns] = model.get("shape");
    const panels = model.get("panels");
    const { buffer, byteOffset, byteLength } = asView(model.get("data"));
    const count = n * rows * columns;
    if (!count || byteLength < 4 * count || panels.length < n) return null;
    // a copy, because the bytes need not start where a Float32Array may start
    return { n, rows, columns, panels, numbers: new Float32Array(buffer.slice(byteOffset, byteOffset + 4 * count)) };
  }

  function palette(name) { // the colours as a canvas keeps them, one whole number each
    if (!palettes[name]) {
      const view = asView(model.get("palettes")[name]);
      palettes[name] = Uint32Array.from({ length: 256 }, (_, k) => 0xff000000 + view.getUint8(3 * k) + (view.getUint8(3 * k + 1) << 8) + (view.getUint8(3 * k + 2) << 16));
    }
    return palettes[name];
  }

  function layout({ n, rows, columns, panels }) {
    context.font = `bold ${LABEL}px ${FONT}`; // bold, because a word is when it is pointed at
    const rowWords = model.get("rows").map((word) => fitted(context, word, LONGEST_WORD));
    const columnWords = model.get("columns").map((word) => fitted(context, word, LONGEST_WORD));
    const widest = (words) => Math.ceil(Math.max(8, ...words.map((word) => context.measureText(word).width)));
    const [left, tallest] = [widest(rowWords) + 10, widest(columnWords)];
    context.font = `${model.get("focus") < 0 ? "" : "bold "}12px ${FONT}`;
    const titles = panels.map((panel) => fitted(context, panel.title + (panel.dim ? " (off)" : ""), LONGEST_TITLE));
    const titleWidth = widest(titles);
    const wish = model.get("cell_size");
    const share = Math.max(rows, columns) > 24 ? 0 : model.get("fit"); // of the window's height, for all panels together
    const fits = (perLine) => Math.floor((room / perLine - GAP - left) / columns);
    const tall = Math.min(share * window.innerHeight, window.innerHeight - CONTROLS);
    const height = (lines) => Math.floor((tall / lines - 24 - tallest - 8 - 14) / rows);
    const enough = Math.min(wish, Math.max(SMALLEST, Math.floor(180 / columns)));
    let perLine = n;
    if (share) {
      const size = (each) => Math.min(wish, fits(each), Math.max(LABEL, height(Math.ceil(n / each))));
      for (let each = n - 1; each > 0; each--) if (size(each) > size(perLine)) perLine = each;
    } else while (perLine > 1 && (fits(perLine) < enough || room / perLine < titleWidth + GAP)) perLine--;
    const lines = Math.ceil(n / perLine);
    perLine = Math.ceil(n / lines); // 9 panels as 5 + 4, not 8 + 1
    const size = Math.max(SMALLEST, Math.min(wish, fits(perLine), share ? Math.max(LABEL, height(lines)) : wish));
    const upright = tallest > size - 6; // words that do not fit above their column stand upright
    const top = 24 + (upright ? tallest + 8 : 18);
    const label = Math.max(8, Math.min(LABEL, size)); // smaller words, before words are left out
    if (share) titles.forEach((title, p) => (titles[p] = fitted(context, title, Math.max(40, Math.floor(room / perLine) - GAP))));
    const panelWidth = Math.max(left + size * columns, share ? Math.min(titleWidth, Math.floor(room / perLine) - GAP) : titleWidth) + GAP;
    const panelHeight = top + size * rows + 14;
    return { rowWords, columnWords, titles, left, top, size, label, perLine, upright, panelWidth, panelHeight, width: perLine * panelWidth, height: lines * panelHeight };
  }

  const origin = (p) => [(p % scene.perLine) * scene.panelWidth + scene.left, Math.floor(p / scene.perLine) * scene.panelHeight + scene.top];
  const value = (p, i, j) => scene.numbers[(p * scene.rows + i) * scene.columns + j];
  const isThere = (at) => at && scene && at[0] < scene.n && at[1] < scene.rows && at[2] < scene.columns;
  const written = (p, i, j, digits = scene.panels[p].digits) => {
    const { labels } = scene.panels[p];
    const v = value(p, i, j);
    if (labels) return labels[i][j];
    if (Number.isNaN(v)) return "×";
    if (!Number.isFinite(v)) return v > 0 ? "∞" : scene.panels[p].palette === "signed" ? "−∞" : "";
    const text = v.toFixed(digits);
    return Number(text) === 0 ? text.replace("-", "") : text;
  };

  // -- drawing -------------------------------------------------------------------------------------

  let frame = 0;
  const later = () => { frame ||= requestAnimationFrame(draw); };

  function draw() {
    frame = 0;
    set(canvas, { "aria-label": model.get("description") || "Heat map" });
    if (!room) return; // hidden: the observer calls when it is shown
    ink = getComputedStyle(root).color;
    const before = scene;
    const fresh = before?.stamp !== model.get("stamp");
    const now = fresh ? read() : before;
    canvas.hidden = !now;
    if (!now) scene = null;
    else {
      const [focus, ratio] = [model.get("focus"), window.devicePixelRatio || 1];
      const texts = fresh ? JSON.stringify([now.n, focus, model.get("rows"), model.get("columns"), now.panels.map((panel) => [panel.title, panel.dim])]) : before.texts;
      const frameNow = [room, ratio, ink, model.get("fit") && window.innerHeight].join();
      const same = before?.frame === frameNow && before.texts === texts;
      scene = { ...before, ...now, ...(same ? null : layout(now)), frame: frameNow, texts, focus, stamp: model.get("stamp") };
      if (!same) {
        resize(ratio);
        [hatch, scene.words, scene.ratio] = [hatched(ink), wordsOnce(ratio), ratio];
      }
      if (fresh) colour();
      const pointed = isThere(cell) ? cell[0] : null;
      for (let p = 0; p < scene.n; p++) {
        if (!same || p === lit || p === pointed) drawLabels(p);
        drawCells(p);
      }
      lit = pointed;
      row?.draw(scene, shownCell(), ink, hatch);
    }
    say();
  }

  function resize(ratio) {
    canvas.width = Math.ceil(scene.width * ratio); // this clears it, too
    canvas.height = Math.ceil(scene.height * ratio);
    canvas.style.width = `${scene.width}px`;
    canvas.style.height = `${scene.height}px`;
    context.scale(ratio, ratio);
  }

  function colour() {
    const { n, rows, columns, numbers, panels } = scene;
    const image = new ImageData(columns, n * rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let p = 0, k = 0; p < n; p++) {
      const { palette: name, low, high } = panels[p];
      const table = palette(name);
      const [first, factor] = name === "words" ? [0, 1] : [low, 255 / (high - low)];
      for (const end = (p + 1) * rows * columns; k < end; k++) {
        const v = numbers[k];
        pixels[k] = v === -Infinity ? 0 : Number.isFinite(v) ? table[Math.floor(Math.min(255, Math.max(0, (v - first) * factor)) + 0.5)] : NO_NUMBER;
      }
    }
    if (tile.width !== columns || tile.height !== n * rows) [tile.width, tile.height] = [columns, n * rows];
    tile.getContext("2d").putImageData(image, 0, 0);
    scene.pixels = pixels;
    explain();
  }

  function drawLabels(p) {
    const { size, columns, left, top, panelWidth, panelHeight, focus, titles, words } = scene;
    const [x0, y0] = origin(p);
    context.clearRect(x0 - left, y0 - top, panelWidth, panelHeight);
    context.globalAlpha = scene.panels[p].dim ? 0.6 : 1;
    context.fillStyle = ink;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.font = `${p === focus ? "bold " : ""}12px ${FONT}`;
    const spare = size * columns - context.measureText(titles[p]).width;
    context.fillText(titles[p], x0 + Math.max(-left, Math.min(-2, spare)), y0 - top + 11);
    if (isThere(cell) && cell[0] === p) writeWords(context, x0, y0, cell[1], cell[2]);
    else context.drawImage(words, x0 - left, y0 - top, words.width / scene.ratio, words.height / scene.ratio);
    context.globalAlpha = 1;
  }

  // every panel has the same words, so they are written once and copied
  function wordsOnce(ratio) {
    const { rows, columns, size, left, top } = scene;
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [Math.ceil((left + size * columns + 8) * ratio), Math.ceil((top + size * rows) * ratio)];
    const pen = sheet.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = ink;
    pen.textBaseline = "middle";
    writeWords(pen, left, top);
    return sheet;
  }

  function writeWords(pen, x0, y0, row, column) {
    const { rows, columns, size, upright, label } = scene;
    const rowWord = (i) => {
      pen.textAlign = "right";
      pen.fillText(scene.rowWords[i], x0 - 6, y0 + (i + 0.5) * size);
    };
    const columnWord = (j) => {
      pen.save();
      pen.translate(x0 + (j + 0.5) * size, y0 - (upright ? 6 : 11));
      if (upright) pen.rotate(-Math.PI / 2);
      pen.textAlign = upright ? "left" : "center";
      pen.fillText(scene.columnWords[j], 0, 0);
      pen.restore();
    };
    const every = Math.ceil(label / size); // not every word fits beside a very small cell: a dot stands for it
    const free = (k, pointed) => pointed === undefined || Math.abs(k - pointed) * size >= label; // the pointed-at one always does
    pen.font = `${label}px ${FONT}`;
    for (let i = 0; i < rows; i++)
      if (i % every) pen.fillRect(x0 - 7, y0 + (i + 0.5) * size, 2, 1);
      else if (free(i, row)) rowWord(i);
    for (let j = 0; j < columns; j++)
      if (j % every) pen.fillRect(x0 + (j + 0.5) * size, y0 - 7, 1, 2);
      else if (free(j, column)) columnWord(j);
    pen.font = `bold ${label}px ${FONT}`;
    if (row !== undefined) rowWord(row);
    if (row !== undefined) columnWord(column);
  }

  function drawCells(p) {
    const { rows, columns, size } = scene;
    const { dim, digits, labels, faint } = scene.panels[p];
    const [x0, y0] = origin(p);
    context.clearRect(x0 - 3, y0 - 3, size * columns + 6, size * rows + 6);
    context.globalAlpha = dim ? 0.35 : 1;
    context.imageSmoothingEnabled = false;
    context.drawImage(tile, 0, p * rows, columns, rows, x0, y0, size * columns, size * rows);
    context.globalAlpha = 0.35;
    for (const i of dim ? [] : (faint ?? [])) {
      context.clearRect(x0, y0 + i * size, size * columns, size);
      context.drawImage(tile, 0, p * rows + i, columns, 1, x0, y0 + i * size, size * columns, size);
    }
    context.globalAlpha = 1;
    mark(p, x0, y0);
    context.globalAlpha = 0.3; // a thin frame: white cells on a white page and black ones on a dark page have an edge
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.strokeRect(x0 + 0.5, y0 + 0.5, size * columns - 1, size * rows - 1);
    context.globalAlpha = 1;
    const longest = Math.max(3, ...(labels ? labels.flat().map((text) => text.length) : [digits + 3]));
    if (size >= 7.5 * longest) {
      context.font = `11px ${FONT}`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) {
          const c = scene.pixels[(p * rows + i) * columns + j];
          const bright = 0.299 * (c & 255) + 0.587 * ((c >> 8) & 255) + 0.114 * ((c >> 16) & 255) > 140;
          context.fillStyle = dim || !c || faint?.includes(i) ? ink : bright ? "#000" : "#fff";
          context.fillText(written(p, i, j), x0 + (j + 0.5) * size, y0 + (i + 0.5) * size);
        }
    }
    if (p === scene.focus) outline(x0 - 2, y0 - 2, size * columns + 4, size * rows + 4, ink, 2);
    const kept = model.get("rest");
    if (kept[0] === p && isThere(kept)) outline(x0 + kept[2] * size - 1, y0 + kept[1] * size - 1, size + 2, size + 2, "#e11d48", 2);
    if (!isThere(cell)) return;
    // the pointed-at row and column are marked in every panel, so that heads can be compared
    const [panel, i, j] = cell;
    for (const [colour, dash] of [["#000", []], ["#fff", [4, 4]]]) { // seen on every colour
      outline(x0 + 0.5, y0 + i * size - 0.5, size * columns - 1, size + 1, colour, 1, dash);
      outline(x0 + j * size - 0.5, y0 + 0.5, size + 1, size * rows - 1, colour, 1, dash);
    }
    if (p !== panel) return;
    outline(x0 + j * size - 1, y0 + i * size - 1, size + 2, size + 2, "#fff", 4);
    outline(x0 + j * size - 1, y0 + i * size - 1, size + 2, size + 2, "#e11d48", 2);
  }

  // masked cells are hatched, and a cell that holds no number has a cross: neither is a colour of the scale
  function mark(p, x0, y0) {
    const { rows, columns, size, numbers } = scene;
    for (let i = 0; i < rows; i++)
      for (let j = 0, from = -1; j <= columns; j++) {
        const v = j < columns ? numbers[(p * rows + i) * columns + j] : 0;
        if (v === -Infinity) from = from < 0 ? j : from;
        else if (from >= 0) {
          context.fillStyle = hatch;
          context.fillRect(x0 + from * size, y0 + i * size, (j - from) * size, size);
          from = -1;
        }
        if (!Number.isNaN(v)) continue;
        context.fillStyle = "#000";
        context.textAlign = "center";
        context.font = `bold ${Math.max(8, Math.min(14, size))}px ${FONT}`;
        context.fillText("×", x0 + (j + 0.5) * size, y0 + (i + 0.5) * size);
      }
  }

  function outline(x, y, width, height, colour, thickness, dash = []) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.setLineDash(dash);
    context.strokeRect(x, y, width, height);
  }

  function explain() { // what the colours mean, where that is one thing for all panels
    const names = ["weights", "signed", "lengths"].map((name) => [name, scene.panels.filter((panel) => panel.palette === name && !panel.labels)]);
    const bars = names.filter(([, [first, ...others]]) => first && others.every(({ low, high }) => low === first.low && high === first.high));
    const texts = bars.map(([name, [{ low, high }]]) => [low, name, high]);
    const masked = scene.numbers.includes(-Infinity);
    if (legend.dataset.shows === String([texts, masked])) return;
    legend.dataset.shows = String([texts, masked]);
    legend.replaceChildren();
    for (const [low, name, high] of texts) {
      const stops = Array.from({ length: 18 }, (_, k) => palette(name)[15 * k]).map((c) => `rgb(${c & 255},${(c >> 8) & 255},${(c >> 16) & 255})`);
      add(legend, "span").textContent = String(Number(low.toPrecision(3))).replace("-", "−");
      add(legend, "span", "tm-bar").style.background = `linear-gradient(to right, ${stops})`;
      add(legend, "span").textContent = String(Number(high.toPrecision(3)));
    }
    if (!masked) return;
    add(legend, "span", "tm-bar tm-hatched");
    add(legend, "span").textContent = "masked";
  }

  // -- reading out ---------------------------------------------------------------------------------

  let silence = 0;
  let spoken = null;
  let why = {}; // the reasons that are known for the numbers that are shown, by cell
  function shownCell() { // the pointed-at cell, else the chosen one
    const kept = model.get("rest");
    return isThere(cell) ? cell : isThere(kept) ? kept : null;
  }

  function say() {
    const at = shownCell();
    const note = model.get("note") || "Point at a cell, or press the arrow keys, to read its number.";
    const text = (row && scene && row.sentence(scene)) || (at ? sentence(...at) : (keyboard && HINT) || note);
    if (why.stamp !== model.get("stamp")) why = { stamp: model.get("stamp") };
    why[model.get("reason_of")] = model.get("reason");
    const because = why[at] ?? ""; // empty until Python has answered, never another cell's
    const texts = [text, because, note];
    [readout, reason, remark].forEach((line, k) => {
      if (line && line.textContent !== texts[k]) put(line, texts[k]);
    });
    const whole = reason ? `${text}. ${because}` : text;
    if (whole === spoken) return;
    spoken = whole;
    clearTimeout(silence);
    silence = setTimeout(() => put(status, whole), status.textContent ? SILENCE : 0);
  }

  function sentence(p, i, j) {
    const { title, labels, digits, palette: name, dim } = scene.panels[p];
    const names = { "{row}": model.get("rows")[i], "{column}": model.get("columns")[j] };
    const place = model.get("reads").replace(/\{row\}|\{column\}/g, (slot) => names[slot]);
    const text = `${title}${dim ? " (off)" : ""} · ${place}: `;
    if (labels) return text + labels[i][j];
    if (value(p, i, j) === -Infinity && name === "weights") return `${text}masked, weight 0`;
    const number = Number.isNaN(value(p, i, j)) ? "not a number (NaN)" : written(p, i, j, Math.max(3, digits));
    if (name !== "weights") return text + number;
    const start = (p * scene.rows + i) * scene.columns;
    const sum = scene.numbers.subarray(start, start + scene.columns).reduce((a, b) => (b === -Infinity ? a : a + b), 0);
    const uncounted = scene.panels[p].faint?.includes(i) ? " · this row never counted in the training" : "";
    return `${text}${reason ? "weight " : ""}${number} · row sums to ${sum.toFixed(3)}${uncounted}`;
  }

  // -- pointer and keyboard ------------------------------------------------------------------------

  let [untold, pause] = [null, 0];
  function tell() { // where the pointer is, at most once a PAUSE, and always where it came to rest
    pause = untold ? setTimeout(tell, PAUSE) : 0;
    if (untold && model.get("listens")) model.send({ kind: "point", cell: untold });
    untold = null;
  }

  function point(to, press = false) {
    if (String(to) !== String(cell)) {
      cell = to;
      later();
      if (to) untold = to;
      if (!pause) tell();
    }
    if (!press) return;
    clearTimeout(pause);
    tell(); // first where, then that it was pressed
    model.send({ kind: "press", cell: to });
  }

  function under(event) {
    if (!scene) return null;
    const box = canvas.getBoundingClientRect();
    for (let p = 0; p < scene.n; p++) {
      const [x0, y0] = origin(p);
      const [j, i] = [Math.floor((event.clientX - box.left - x0) / scene.size), Math.floor((event.clientY - box.top - y0) / scene.size)];
      if (i >= 0 && j >= 0 && i < scene.rows && j < scene.columns) return [p, i, j];
    }
    return null;
  }

  function reveal([p, i, j]) {
    const { left, top, size } = scene;
    const [x, y] = [origin(p)[0] + j * size, origin(p)[1] + i * size];
    const into = (from, to, start, room) => Math.min(from, Math.max(start, to - room));
    scroller.scrollTo(into(x - left, x + size + GAP, scroller.scrollLeft, scroller.clientWidth), into(y - top, y + size + GAP, scroller.scrollTop, scroller.clientHeight));
  }

  canvas.addEventListener("pointermove", (event) => {
    const to = under(event);
    if (to || !keyboard) point(to);
    if (to) keyboard = false;
  });
  canvas.addEventListener("pointerleave", () => keyboard || point(null));
  canvas.addEventListener("click", (event) => {
    const to = under(event);
    if (to) point(to, true);
  });
  canvas.addEventListener("keydown", (event) => {
    if (!scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const { n, rows, columns } = scene;
    const [p, i, j] = isThere(cell) ? cell : [Math.max(0, Math.min(n - 1, scene.focus)), 0, 0];
    const moves = {
      ArrowUp: [p, Math.max(0, i - 1), j], ArrowDown: [p, Math.min(rows - 1, i + 1), j],
      ArrowLeft: [p, i, Math.max(0, j - 1)], ArrowRight: [p, i, Math.min(columns - 1, j + 1)],
      Home: [p, i, 0], End: [p, i, columns - 1], PageUp: [(p + n - 1) % n, i, j], PageDown: [(p + 1) % n, i, j],
    };
    const press = event.key === "Enter" || event.key === " ";
    if (!press && !moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook would run the cell or move on
    keyboard = true;
    const to = press || !isThere(cell) ? [p, i, j] : moves[event.key];
    reveal(to);
    point(to, press);
  });
  canvas.addEventListener("focus", () => {
    keyboard = canvas.matches(":focus-visible");
    later();
  });
  canvas.addEventListener("blur", () => {
    keyboard = false;
    point(null);
    later();
  });

  // -- what may change around it -------------------------------------------------------------------

  function look() {
    if (room === scroller.clientWidth) return; // its own height, which a drawing changes
    room = scroller.clientWidth;
    later();
  }
  const watcher = new ResizeObserver(look);
  watcher.observe(scroller);
  root.addEventListener("transitionend", later); // another theme has another colour: see head_map.css
  const soon = () => setTimeout(later, 400); // the new theme's sheet comes a little after its name
  const theme = new MutationObserver(() => (later(), soon()));
  theme.observe(document.body, { attributeFilter: ["data-jp-theme-name", "data-vscode-theme-kind"] });
  window.addEventListener("resize", later); // another screen may have other pixels
  model.on("change:stamp change:reason change:reason_of", later); // everything else is set in the same message
  later();
  return () => {
    watcher.disconnect();
    theme.disconnect();
    window.removeEventListener("resize", later);
    model.off("change:stamp change:reason change:reason_of", later);
    cancelAnimationFrame(frame);
    for (const timer of [pause, silence]) clearTimeout(timer);
  };
}

const set = (element, attributes) => Object.entries(attributes).forEach(([name, text]) => element.setAttribute(name, text));

// A text that changes at every step: its node stays, or the whole page would be styled again because of the :has() rules.
function put(element, text) {
  if (element.firstChild) element.firstChild.data = text;
  else element.textContent = text;
}

function add(parent, tag, className = "") {
  const child = parent.appendChild(document.createElement(tag));
  child.className = className;
  return child;
}

const asView = (bytes) => (bytes instanceof DataView ? bytes : ArrayBuffer.isView(bytes) ? new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new DataView(bytes));

function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const letters = [...text]; // whole characters, never half of one
  while (letters.length > 1 && context.measureText(`${letters.join("")}…`).width > width) letters.pop();
  return `${letters.join("")}…`;
}

function hatched(ink) {
  const [tile, side] = [document.createElement("canvas"), 6];
  [tile.width, tile.height] = [side, side];
  const context = tile.getContext("2d");
  context.strokeStyle = ink;
  context.globalAlpha = 0.45;
  for (const x of [-side, 0, side]) {
    context.beginPath();
    context.moveTo(x, side);
    context.lineTo(x + side, 0);
    context.stroke();
  }
  return context.createPattern(tile, "repeat");
}

export default { render };
