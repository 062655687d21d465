// Answers the head explorer's controls from what the page carries. head_map.js, which stands above this in the same
// module, draws; it is given a stand-in for the widget's model that takes each frame from PACKED.
const root = [...document.querySelectorAll(".tm-static[hidden]")].at(-1);

async function unpack() {
  const packed = Uint8Array.from(atob(PACKED), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const whole = await new Response(stream).arrayBuffer();
  let at = 4 + new DataView(whole).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, at - 4)));
  const take = (bytes) => whole.slice(at, (at += bytes));
  const palettes = { weights: take(768) };
  const sizes = { maps: [], scores: [] }; // of the tables, in the order in which they are stored
  for (const [name, frame] of Object.entries(header.frames))
    for (const part of ["maps", "scores"])
      for (const i of frame[part]) sizes[part][i] = header.sources[name.split("/")[0]].words.length ** 2;
  const [maps, scores] = ["maps", "scores"].map((part) => sizes[part].map((size) => new Float32Array(take(4 * size))));
  return { ...header, palettes, maps, scores };
}

// What head_map.js asks of a widget's model.
function standIn(state, hear) {
  const listeners = [];
  return {
    get: (name) => state[name],
    on: (_, listener) => listeners.push(listener),
    off: () => {},
    send: hear,
    update(changes) {
      Object.assign(state, changes);
      for (const listener of listeners) listener();
    },
  };
}

// From q · k to one weight, in the words of Result.explain: the scores are the core's, and so is the weight.
function explain({ scores, weights, words, size, scaled }, [head, i, j]) {
  const n = words.length;
  const [row, attended] = [scores[head].subarray(i * n, (i + 1) * n), weights[head].subarray(i * n, (i + 1) * n)];
  const text = (number, digits) => number.toFixed(digits).replace("-", "−");
  if (attended[j] === -Infinity) return `masked: ${words[j]} can't be attended to; its score becomes −∞, its weight 0`;
  const divisor = scaled ? Math.sqrt(size) : 1;
  const allowed = Array.from(row, (score) => score / divisor).filter((_, k) => attended[k] !== -Infinity);
  const highest = Math.max(...allowed);
  const gap = row[j] / divisor - highest;
  const total = allowed.reduce((sum, score) => sum + Math.exp(score - highest), 0);
  const [place, power] = gap > -5e-4 ? ["the highest of its row", "e^0"]
    : [`${(-gap).toFixed(3)} below the highest of its row`, `e^−${(-gap).toFixed(3)}`];
  const steps = [`q·k = ${text(row[j], 2)}`, ...(scaled ? [`÷ √${size} = ${text(row[j] / divisor, 3)}`] : [])];
  return [...steps, place, `softmax: ${power} ÷ ${total.toFixed(3)} = ${attended[j].toFixed(3)}`].join(" → ");
}

function controls(all, sources, changed) {
  const place = root.querySelector(".tm-choices");
  const label = (text, control) => {
    const box = add(place, "label");
    box.append(...(control.type === "checkbox" ? [control, text] : [text, control]));
    return box;
  };
  const make = (tag, traits) => Object.assign(document.createElement(tag), traits);
  const slider = (name) => {
    const range = make("input", { type: "range", min: 0, step: 1 });
    const read = add(label(name, range), "output");
    let values = [];
    return {
      range,
      get value() { return values[range.value]; },
      offer(options, value) {
        values = options;
        range.max = options.length - 1;
        range.value = options.indexOf(value);
        this.say();
      },
      say() {
        range.setAttribute("aria-valuetext", (read.textContent = String(this.value)));
      },
    };
  };
  const list = (name, options) => {
    const select = make("select");
    for (const option of options) select.append(make("option", { textContent: option }));
    if (all) label(name, select);
    return select;
  };
  const box = (name) => {
    const check = make("input", { type: "checkbox", checked: true });
    if (all) label(name, check);
    return check;
  };
  const [heads, size] = [slider("heads"), slider("head size")];
  const [source, mask] = [list("matrices", Object.keys(sources)), list("mask", ["none", "causal"])];
  const [linked, scaled] = [box("keep heads × head size the same"), box("divide the scores by √(head size)")];
  const nearest = (options, to) => options.reduce((best, each) => (Math.abs(each - to) < Math.abs(best - to) ? each : best));
  const cuts = {}; // of each source, for when it is chosen again

  function offer(n, d) {
    const { counts, total, free } = sources[source.value];
    linked.disabled = !free.length;
    if (linked.checked || !free.length) {
      n = nearest(counts, n);
      heads.offer(counts, n);
      size.offer(counts.map((count) => total / count).reverse(), total / n);
    } else {
      heads.offer(Array.from({ length: 16 }, (_, k) => k + 1), n);
      size.offer(free, nearest(free, d));
    }
  }

  for (const [moved, other] of [[heads, size], [size, heads]])
    moved.range.addEventListener("input", () => {
      moved.say();
      const { total, counts } = sources[source.value];
      const together = linked.checked || linked.disabled;
      if (together) offer(moved === heads ? heads.value : total / size.value);
      else other.say();
      changed();
    });
  let before = source.value;
  source.addEventListener("change", () => {
    cuts[before] = [heads.value, size.value, linked.checked];
    before = source.value;
    const [n, d, together] = cuts[before] ?? [heads.value, size.value, true];
    linked.checked = together;
    offer(n, d);
    changed(true);
  });
  linked.addEventListener("change", () => {
    offer(heads.value, size.value);
    changed();
  });
  for (const control of [mask, scaled]) control.addEventListener("change", () => changed());
  offer(8, 64);
  return () => ({ source: source.value, n: heads.value, size: size.value, mask: mask.value, scaled: scaled.checked });
}

async function start() {
  const { look, sources, panels, frames, palettes, maps, scores } = await unpack();
  let [now, rest, stamp] = [null, null, 0];
  const keep = (at, sizes) => at.map((place, k) => Math.min(place, sizes[k] - 1));

  function show(afresh = false) {
    const { source, n, size, mask, scaled } = read();
    const frame = frames[[source, n, size, mask, Number(scaled)].join("/")];
    const { words, rest: first } = sources[source];
    const weights = frame.maps.map((i) => maps[i]);
    now = { weights, scores: frame.scores.map((i) => scores[i]), words, size, scaled };
    rest = keep(afresh || !rest ? first : rest, [n, words.length, words.length]);
    const data = new Float32Array(n * words.length ** 2);
    weights.forEach((each, k) => data.set(each, k * each.length));
    root.querySelector(".tm-caption").textContent = frame.caption;
    model.update({
      data, shape: [n, words.length, words.length], panels: frame.panels.map((i) => panels[i]), rows: words, columns: words,
      note: frame.note, description: frame.description, rest, reason: explain(now, rest), reason_of: rest, stamp: ++stamp,
    });
  }

  function hear({ kind, cell }) {
    if (kind === "press") rest = cell;
    model.update({ rest, reason: explain(now, cell), reason_of: cell });
  }

  const model = standIn({ ...look, palettes, stamp }, hear);
  const read = controls(root.dataset.controls === "all", sources, show);
  show();
  root.hidden = false;
  render({ model, el: root.querySelector(".tm-maps") });
  for (const picture of root.closest(".cell_output")?.querySelectorAll("img") ?? []) picture.style.display = "none";
}

start();
