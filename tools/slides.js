// Divides the sections into slides that are full and no fuller, and then starts reveal.js. How much fits on a slide
// depends on the fonts of the machine, so it is measured here, on a slide of the size that is shown.
const [WIDTH, HEIGHT] = [1280, 720];
const SMALLEST = 0.5; // of its size, to which a block that is too tall for a slide of its own is brought

const measure = document.body.appendChild(document.createElement("div"));
measure.className = "reveal";
measure.innerHTML = '<div class="slides" style="position: static"></div>';
measure.style.cssText = `position: absolute; visibility: hidden; width: ${WIDTH}px; height: ${HEIGHT}px; zoom: 1`;
const place = measure.firstChild;

function begin(section) { // an empty slide like this one, with its heading
  const slide = place.appendChild(section.cloneNode(false));
  if (place.children.length > 1) slide.classList.remove("title"); // the first one only
  slide.style.cssText = `position: relative; display: block; width: ${WIDTH}px`;
  const heading = section.querySelector(":scope > :is(h1, h2)");
  if (heading) slide.append(heading.cloneNode(true));
  return slide;
}

// What is left below the last block, without the slide's padding; negative where it runs over.
function left(slide) {
  const { paddingBottom } = getComputedStyle(slide);
  const end = slide.getBoundingClientRect().bottom - parseFloat(paddingBottom);
  const below = Math.max(...[...slide.children].map((block) => block.getBoundingClientRect().bottom));
  return end - below;
}

function shrink(block, slide) { // one that does not fit on a slide with nothing else
  if (block.matches("img")) {
    const room = block.getBoundingClientRect().height + left(slide);
    block.style.cssText = `height: ${Math.floor(room)}px; width: auto; max-width: 100%; object-fit: contain`;
    return;
  }
  for (let zoom = 0.95; left(slide) < 0 && zoom >= SMALLEST; zoom -= 0.05) block.style.zoom = zoom.toFixed(2);
}

const wide = (block) => [block, ...block.querySelectorAll("pre, table, math")].some((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth)
  || block.getBoundingClientRect().right > WIDTH;

// A picture gives up to a third of its height to the text that explains it.
function giveRoom(slide) {
  const picture = slide.querySelector(":scope > img");
  if (!picture) return;
  const tall = picture.getBoundingClientRect().height;
  const room = Math.floor(tall + left(slide));
  picture.dataset.tall ??= tall;
  if (room >= (2 / 3) * picture.dataset.tall) picture.style.cssText = `height: ${room}px; width: auto`;
}

function narrow(block) { // long lines of code
  for (let zoom = 0.95; wide(block) && zoom >= SMALLEST; zoom -= 0.05) block.style.zoom = zoom.toFixed(2);
}

function divide(section) {
  const blocks = [...section.children].filter((block) => !block.matches(":is(h1, h2)"));
  let slide = begin(section);
  const slides = [slide];
  for (const block of blocks) {
    const first = !slide.querySelector(":scope > :not(h1, h2)");
    slide.append(block);
    narrow(block);
    if (left(slide) < 0 && !first) giveRoom(slide);
    if (left(slide) >= 0) continue;
    if (!first) {
      slides.push((slide = begin(section)));
      slide.append(block);
    }
    if (left(slide) < 0) shrink(block, slide);
  }
  for (const each of slides) each.removeAttribute("style");
  section.replaceWith(...slides); // so that the place to measure is empty again
}

async function start() {
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  for (const section of document.querySelectorAll(".slides > section")) if (!measure.contains(section)) divide(section);
  measure.remove();
  await Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0, center: false, hash: true, transition: "none", slideNumber: true, controls: false, pdfSeparateFragments: false,
  });
  document.body.dataset.slides = Reveal.getTotalSlides();
}

start();
