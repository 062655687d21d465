// One query's row of weights in every head, as bars over the keys, under a line of the queries' words.
// A word that is pointed at or focused shows its row, and a pressed one keeps it. Bars are read out as cells of the map.
const BARS = 44; // the height of a bar of weight 1
const TOP = 4; // above it
const SIDE = 58; // for the axis and its name
const BELOW = 28; // the heads' numbers and the key's word

function wordRow(parent, model, { point, changed }) {
  const root = add(parent, "div", "tm-row");
  const line = add(root, "div", "tm-row-words");
  const scroller = add(root, "div", "tm-row-bars");
  const canvas = add(scroller, "canvas");
  const context = canvas.getContext("2d");
  set(line, { role: "group", "aria-label": "Show a word's row in every head" });
  set(canvas, { "aria-hidden": "true" }); // the line that reads out says the same
  let [hovered, pinned, words, drawn] = [null, null, "", null];

  const buttons = () => [...line.querySelectorAll("button")];
  const use = (row) => {
    if (hovered === row) return;
    hovered = row;
    changed();
  };

  function write(rows) {
    words = JSON.stringify(rows);
    [hovered, pinned] = [null, null];
    line.replaceChildren();
    add(line, "span").textContent = "a word's row:";
    rows.forEach((word, row) => {
      const button = add(line, "button");
      button.textContent = word;
      button.type = "button";
      set(button, { "aria-pressed": "false", title: "Point to see this word's row in every head; click to keep it" });
      button.addEventListener("pointerenter", () => use(row));
      button.addEventListener("pointerleave", () => use(null));
      button.addEventListener("focus", () => button.matches(":focus-visible") && use(row));
      button.addEventListener("blur", () => use(null));
      button.addEventListener("click", () => {
        pinned = pinned === row ? null : row;
        buttons().forEach((each, i) => set(each, { "aria-pressed": String(i === pinned) }));
        changed();
      });
    });
  }

  // which row there is to see: the pointed-at word's, else the kept one, else that of the cell in the map
  function rowFor(cell) {
    return hovered ?? pinned ?? (cell ? cell[1] : 0);
  }

  // The axis and the words change seldom: a slider that moves draws the bars only, all of one colour at once.
  function draw(scene, cell, ink, hatch) {
    if (JSON.stringify(model.get("rows")) !== words) write(model.get("rows"));
    const { n, rows, columns, panels } = scene;
    const row = Math.min(rowFor(cell), rows - 1);
    const room = scroller.clientWidth;
    if (!room) return;
    const group = Math.max(2 * n + 6, Math.min(130, Math.floor((room - SIDE) / columns)));
    const [bar, width, ratio] = [(group - 8) / n, SIDE + group * columns, window.devicePixelRatio || 1];
    const highest = Math.max(...panels.map((panel) => panel.high));
    const texts = [row, n, room, ratio, ink, highest, cell && cell[2], JSON.stringify(model.get("columns"))].join();
    if (drawn?.texts !== texts) {
      drawn = { texts, row, group, bar, n, columns };
      buttons().forEach((each, i) => each.classList.toggle("tm-shown", i === row));
      canvas.width = Math.ceil(width * ratio); // this clears it, too
      canvas.height = Math.ceil((BARS + BELOW + 6) * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${BARS + BELOW + 6}px`;
      context.scale(ratio, ratio);
      writeWords(cell, ink, highest);
    }
    drawBars(scene, cell, ink, hatch, highest);
  }

  function writeWords(cell, ink, highest) {
    const { group, bar, n, columns } = drawn;
    const base = TOP + BARS;
    context.textBaseline = "middle";
    context.fillStyle = ink;
    context.font = `10px ${FONT}`;
    context.textAlign = "right";
    context.fillText(String(Number(highest.toPrecision(3))), SIDE - 6, TOP + 3);
    context.fillText("0", SIDE - 6, base - 4);
    context.fillText("weight", SIDE - 14, (TOP + base) / 2);
    context.fillText("key", SIDE - 6, base + 20);
    if (bar >= 7) context.fillText("head", SIDE - 6, base + 7);
    context.textAlign = "center";
    for (let j = 0; j < columns; j++) {
      const x = SIDE + j * group + 4;
      context.font = `9px ${FONT}`;
      for (let p = 0; p < n && bar >= 7; p++) context.fillText(String(p), x + (p + 0.5) * bar - 0.5, base + 7);
      context.font = `${cell && cell[2] === j ? "bold " : ""}11px ${FONT}`;
      context.fillText(fitted(context, model.get("columns")[j], group - 4), x + group / 2 - 4, base + 20);
    }
  }

  function drawBars({ rows, numbers, panels }, cell, ink, hatch, highest) {
    const { row, group, bar, n, columns } = drawn;
    const [base, right] = [TOP + BARS, SIDE + group * columns];
    context.clearRect(SIDE, 0, right, base + 1);
    const layers = { on: new Path2D(), off: new Path2D(), here: new Path2D() };
    for (let j = 0; j < columns; j++) {
      const x = SIDE + j * group + 4;
      if (numbers[row * columns + j] === -Infinity) {
        context.fillStyle = hatch;
        context.fillRect(x, TOP, group - 8, BARS);
        continue;
      }
      for (let p = 0; p < n; p++) {
        const v = numbers[(p * rows + row) * columns + j];
        if (!Number.isFinite(v)) continue;
        const here = cell && cell[0] === p && cell[1] === row && cell[2] === j;
        const tall = Math.max(here ? 2 : 1, (BARS * Math.max(0, v)) / highest);
        layers[here ? "here" : panels[p].dim ? "off" : "on"].rect(x + p * bar, base - tall, Math.max(1, bar - 1), tall);
      }
    }
    const tone = brightness(ink) > 140 ? "#6cb2e0" : "#31688e";
    for (const [name, colour, alpha] of [["on", tone, 1], ["off", tone, 0.35], ["here", "#e11d48", 1]]) {
      context.globalAlpha = alpha;
      context.fillStyle = colour;
      context.fill(layers[name]);
    }
    context.globalAlpha = 0.25;
    context.fillStyle = ink;
    for (const y of [TOP, base]) context.fillRect(SIDE, y, right - SIDE, 1);
    context.globalAlpha = 1;
  }

  // the row in words, for the line that reads out: each head's largest weight
  function sentence(scene) {
    const { n, rows, columns, numbers, panels } = scene;
    if (hovered === null || hovered >= rows) return null;
    const best = Array.from({ length: Math.min(n, 16) }, (_, p) => {
      const start = (p * rows + hovered) * columns;
      let at = 0;
      for (let j = 1; j < columns; j++) if (!(numbers[start + j] <= numbers[start + at])) at = j;
      return `${panels[p].short ?? p}: ${model.get("columns")[at]} ${Math.max(0, numbers[start + at]).toFixed(2)}`;
    });
    return `Row of ${model.get("rows")[hovered]}, largest weight in head ${best.join(" · ")}${n > 16 ? " · …" : ""}`;
  }

  canvas.addEventListener("pointermove", (event) => {
    if (!drawn) return;
    const box = canvas.getBoundingClientRect();
    const x = event.clientX - box.left - SIDE;
    const [j, p] = [Math.floor(x / drawn.group), Math.floor(((x % drawn.group) - 4) / drawn.bar)];
    point(x >= 0 && j < drawn.columns && p >= 0 && p < drawn.n ? [p, drawn.row, j] : null);
  });
  canvas.addEventListener("pointerleave", () => point(null));
  return { draw, sentence, root };
}

function brightness(colour) {
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? [17, 24, 39]).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}
