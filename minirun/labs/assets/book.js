"use strict";
// Where one is: the lab whose page is at the top of the window is marked in the contents.
const labs = [...document.querySelectorAll(".lab")];
const entries = new Map([...document.querySelectorAll("#contents > ol > li")].map((entry) => [entry.querySelector("a").hash, entry]));
let here = null;

function mark() {
  const lab = labs.findLast((lab) => lab.getBoundingClientRect().top < innerHeight / 8);
  const entry = lab ? entries.get("#" + lab.id) : null;
  if (entry === here) return;
  here?.classList.remove("here");
  here?.firstElementChild.removeAttribute("aria-current");
  here = entry;
  here?.classList.add("here");
  here?.firstElementChild.setAttribute("aria-current", "true");
  here?.scrollIntoView({ block: "nearest" });
}

// A button beside each command that copies it without the prompt. Browsers give pages from elsewhere no clipboard.
function add_button(typed) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "copy";
  button.addEventListener("click", async () => {
    const words = [...typed.querySelectorAll("kbd")].map((line) => line.textContent).join("\n");
    const done = await navigator.clipboard.writeText(words).then(() => true, () => false);
    button.textContent = done ? "copied" : "the browser forbids it";
    setTimeout(() => (button.textContent = "copy"), 1500);
  });
  typed.append(button);
}

if (navigator.clipboard) document.querySelectorAll(".typed").forEach(add_button);
addEventListener("scroll", mark, { passive: true });
mark();
