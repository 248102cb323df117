
"use strict";
// Choosing a step shows what is hidden in it (.more) in the pane beside the timeline, and the container after it on the
// stage of the film. Keys: the arrows, Home, End; the space bar plays and pauses.
const steps = [...document.querySelectorAll(".step")];
const pane = document.getElementById("detail");
const fold = pane.querySelector("button"); // on a narrow screen, where the pane lies on the page
const button = (step) => step.querySelector("button");
let chosen = 0;

function choose(place) {
  button(steps[chosen]).removeAttribute("aria-current");
  button(steps[chosen]).tabIndex = -1; // one stop of the Tab key for all steps
  chosen = Math.min(Math.max(place, 0), steps.length - 1);
  button(steps[chosen]).setAttribute("aria-current", "step");
  button(steps[chosen]).tabIndex = 0;
  pane.querySelector("div").replaceChildren(steps[chosen].querySelector(".more").cloneNode(true));
  pane.scrollTop = 0;
  show(chosen);
  tell();
}

function unfold(isOpen) {
  pane.toggleAttribute("data-folded", !isOpen);
  fold.textContent = isOpen ? "▾" : "▴";
  fold.setAttribute("aria-label", isOpen ? "less of this step" : "more of this step");
  fold.setAttribute("aria-expanded", isOpen);
}

// ---- the film

const film = document.querySelector(".film");
const panels = film ? [...film.querySelectorAll(":scope > .stage .panel > div")] : [];
const bodies = []; // each is a list of pieces, told as what is different from an earlier one
for (const [other, first, pieces, last] of film ? JSON.parse(film.querySelector("script").textContent) : []) {
  const others = bodies[other] ?? [];
  bodies.push([...others.slice(0, first), ...pieces, ...others.slice(others.length - last)]);
}
const frames = film ? JSON.parse(film.dataset.frames) : [];
const slider = film?.querySelector("input");
const speed = film?.querySelector("select");
const playButton = film?.querySelector('[data-do="play"]');
const MARGIN = 8; // pixels below the film
const of = (name) => (film?.dataset[name] ? JSON.parse(film.dataset[name]) : null); // of a run, where there was one
const [came, pace, failed, seen] = ["came", "pace", "failed", "seen"].map(of);
const FRAME = 1600; // milliseconds that a step stays on the stage, at the usual speed
let playing = 0;

function show(place) {
  if (!film) return;
  const isUndone = failed > 0 && place + 1 >= failed; // by the run: it has left all as it was before the step
  const frame = frames[isUndone ? failed - 1 : place + 1];
  panels.forEach((panel, number) => {
    panel.innerHTML = bodies[frame[number]].join("");
    if (isUndone) for (const one of panel.querySelectorAll(".changed")) one.classList.remove("changed");
    if (isUndone) for (const one of panel.querySelectorAll(".gone, del")) one.remove();
  });
  slider.value = place + 1;
  const scenes = [...film.querySelectorAll(".scenes li")];
  const now = scenes.findLast((scene) => Number(scene.dataset.first) <= place + 1);
  for (const scene of scenes) {
    scene.classList.toggle("now", scene === now);
    scene.classList.toggle("unreached", failed > 0 && Number(scene.dataset.first) > failed);
    scene.querySelector("a").setAttribute("aria-current", scene === now);
  }
  film.querySelector(".caption b").textContent = `${place + 1} of ${steps.length}`;
  film.querySelector(".caption span").textContent = now.querySelector("a").title;
  film.querySelector(".came").textContent = came?.[place] ?? "";
  film.querySelector(".came").classList.toggle("failed", failed === place + 1);
  for (const panel of film.querySelectorAll(".panel")) {
    const told = seen?.after === place + 1 ? seen.told[panel.classList[1]] : "";
    panel.querySelector(".badge").textContent = told ?? "";
  }
}

// What who hears the page is told of a step: the pane would be too much of it.
function tell() {
  if (!film) return;
  const words = [`step ${chosen + 1} of ${steps.length}`, steps[chosen].querySelector(".sentence").textContent];
  slider.setAttribute("aria-valuetext", words[0]);
  film.querySelector(".heard").textContent = [...words, steps[chosen].dataset.heard, came?.[chosen]].filter(Boolean).join(". ");
}

// The whole film on one screen, with the largest letters that leave no panel too high at any step.
const SIZES = [1.25, 1.2, 1.15, 1.1, 1.05, 1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7];

function fit() {
  if (!film) return;
  film.style.minHeight = "";
  film.style.removeProperty("--fit");
  if (!matchMedia("screen and (min-width: 901px)").matches) return;
  const room = innerHeight - (film.getBoundingClientRect().top + scrollY) - MARGIN;
  let highest = steps.length - 1;
  const isTooHigh = (place) => {
    show(place);
    if (film.offsetHeight <= room) return false;
    highest = place;
    return true;
  };
  for (const size of SIZES) {
    film.style.setProperty("--fit", size);
    if (!isTooHigh(highest) && !steps.some((_, place) => isTooHigh(place))) break;
  }
  film.style.minHeight = `${room}px`;
  show(chosen);
}

// Without a look at the timeline: who watches the film would be taken away from it.
function goOnStage(place) {
  choose(place);
  history.replaceState(null, "", "#" + steps[chosen].id);
}

function pause() {
  clearTimeout(playing);
  playing = 0;
  playButton.textContent = "▶";
  playButton.setAttribute("aria-label", "play");
}

// The last step that the film comes to, when it plays; and how long the next one is to come.
const end = () => (failed || steps.length) - 1;
const wait = () => (speed.value === "run" ? pace[chosen + 1] : FRAME / Number(speed.value));

function play() {
  if (chosen >= end()) goOnStage(0);
  playButton.textContent = "❚❚";
  playButton.setAttribute("aria-label", "pause");
  const next = () => {
    goOnStage(chosen + 1);
    if (chosen >= end()) pause();
    else playing = setTimeout(next, wait());
  };
  playing = setTimeout(next, wait());
}

const DEEDS = {
  first: () => goOnStage(0),
  back: () => goOnStage(chosen - 1),
  play: () => (playing ? pause() : play()),
  on: () => goOnStage(chosen + 1),
  last: () => goOnStage(steps.length - 1),
};

if (film) {
  film.addEventListener("click", (event) => {
    const link = event.target.closest(".scenes a");
    const deed = event.target.closest("[data-do]")?.dataset.do;
    if (link) {
      event.preventDefault();
      goOnStage(steps.findIndex((step) => "#" + step.id === link.hash));
    }
    if (deed !== "play" && (deed || link)) pause();
    if (deed) DEEDS[deed]();
  });
  slider.addEventListener("input", () => {
    pause();
    goOnStage(Number(slider.value) - 1);
  });
}

// ---- the timeline

function go(place) {
  choose(place);
  button(steps[chosen]).focus({ preventScroll: true });
  steps[chosen].scrollIntoView({ block: "nearest" });
}

const KEYS = {
  ArrowDown: () => chosen + 1,
  ArrowRight: () => chosen + 1,
  ArrowUp: () => chosen - 1,
  ArrowLeft: () => chosen - 1,
  Home: () => 0,
  End: () => steps.length - 1,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const isOnStage = film && (event.target === document.body || event.target.closest(".film"));
  if (isOnStage && event.target.matches("input, select")) return; // they have keys of their own
  if (isOnStage && event.key === " " && !event.target.closest("button, a")) {
    event.preventDefault(); // it would scroll
    DEEDS.play();
  }
  if (!(event.key in KEYS) || !(isOnStage || event.target === document.body || event.target.closest(".step"))) return;
  event.preventDefault(); // likewise
  if (!isOnStage) return go(KEYS[event.key]());
  pause();
  goOnStage(KEYS[event.key]());
});

function follow(hash) {
  const place = steps.findIndex((step) => "#" + step.id === hash);
  if (place >= 0) go(place);
}

for (const [place, step] of steps.entries()) {
  button(step).tabIndex = -1;
  button(step).addEventListener("click", () => {
    unfold(true);
    go(place);
  });
}
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#step-"]');
  if (!link || link.hash !== location.hash) return; // the address will change
  event.preventDefault();
  follow(link.hash);
});
fold.addEventListener("click", () => unfold(pane.hasAttribute("data-folded")));
unfold(false);
choose(Math.max(steps.findIndex((step) => "#" + step.id === location.hash), 0));
fit();
addEventListener("resize", fit);
addEventListener("hashchange", () => follow(location.hash));
