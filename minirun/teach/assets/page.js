
"use strict";
// Choosing a step shows what is hidden in it (.more) in the pane beside the timeline. Keys: the arrows, Home, End.
const steps = [...document.querySelectorAll(".step")];
const pane = document.getElementById("detail");
const button = (step) => step.querySelector("button");
let chosen = 0;

function choose(place) {
  button(steps[chosen]).removeAttribute("aria-current");
  button(steps[chosen]).tabIndex = -1; // one stop of the Tab key for all steps
  chosen = Math.min(Math.max(place, 0), steps.length - 1);
  button(steps[chosen]).setAttribute("aria-current", "step");
  button(steps[chosen]).tabIndex = 0;
  pane.replaceChildren(steps[chosen].querySelector(".more").cloneNode(true));
  pane.scrollTop = 0;
}

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
  const elsewhere = event.target !== document.body && !event.target.closest(".step");
  if (!(event.key in KEYS) || elsewhere || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault(); // these keys would scroll
  go(KEYS[event.key]());
});

function follow(hash) {
  const place = steps.findIndex((step) => "#" + step.id === hash);
  if (place >= 0) go(place);
}

for (const [place, step] of steps.entries()) {
  button(step).tabIndex = -1;
  button(step).addEventListener("click", () => go(place));
}
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#step-"]');
  if (!link || link.hash !== location.hash) return; // the address will change
  event.preventDefault();
  follow(link.hash);
});
choose(0);
follow(location.hash);
addEventListener("hashchange", () => follow(location.hash));
