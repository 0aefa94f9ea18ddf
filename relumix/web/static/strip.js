// A strip of all frames: which have references, which are made, which is shown.
import { framePath } from "./api.js";
import { h } from "./dom.js";

export class Strip {
  constructor({ onframe }) {
    this.onframe = onframe;
    this.element = h("div", { class: "strip", role: "listbox", "aria-label": "Frames", tabindex: 0 });
    this.element.addEventListener("keydown", (event) => this._key(event));
  }

  open(clip) {
    this.clip = clip;
    this.cells = new Map();
    this.element.replaceChildren(
      ...clip.frames.map((frame) => {
        const image = h("img", { loading: "lazy", alt: "", width: 96, height: Math.round((96 * clip.height) / (clip.width * clip.aspect)) });
        const cell = h("div", { class: "cell", role: "option", id: `frame-${frame}`, onclick: () => this.onframe(frame) }, image, h("span", {}, String(frame)));
        image.addEventListener("error", () => cell.classList.add("unread"));
        image.addEventListener("load", () => cell.classList.remove("unread"));
        this.cells.set(frame, cell);
        return cell;
      }),
    );
    this.update(clip);
  }

  update(clip) {
    this.clip = clip;
    for (const [frame, cell] of this.cells) {
      const made = clip.job?.frames[frame] !== undefined;
      const path = framePath(clip, frame, made ? "result" : "plate", { size: 192 });
      const image = cell.firstChild;
      if (image.getAttribute("src") !== path) image.setAttribute("src", path);
      cell.classList.toggle("made", made);
      cell.classList.toggle("given", frame in clip.references);
      cell.classList.toggle("failed", frame in (clip.job?.failed || {}));
      const states = ["given", "made", "failed"].filter((state) => cell.classList.contains(state));
      cell.setAttribute("aria-label", [`Frame ${frame}`, ...states.map((state) => (state === "given" ? "a reference" : state))].join(", "));
      cell.title = clip.job?.failed[frame] || (frame in clip.references ? `${frame}: a reference` : String(frame));
    }
  }

  show(frame) {
    this.cells?.get(this.shown)?.setAttribute("aria-selected", "false");
    const cell = this.cells?.get(frame);
    this.shown = frame;
    if (!cell) return;
    cell.setAttribute("aria-selected", "true");
    const { element } = this;
    element.setAttribute("aria-activedescendant", cell.id);
    const left = cell.offsetLeft - element.offsetLeft;
    if (left < element.scrollLeft || left + cell.offsetWidth > element.scrollLeft + element.clientWidth) {
      element.scrollLeft = left - element.clientWidth / 2;
    }
  }

  _key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    const { frames } = this.clip;
    const at = event.key === "Home" ? 0 : event.key === "End" ? frames.length - 1 : by && frames.indexOf(this.shown) + by;
    if (at === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.onframe(frames[Math.min(frames.length - 1, Math.max(0, at))]);
  }
}
