// What is being made beside the shot: a reference or a movie, how far it is, and what went wrong.
import { button, h } from "./dom.js";

const WHAT = { match: "Taking the light of a picture", lights: "Lighting by lamps", text: "Lighting by words", movie: "Making a movie", "before-after": "Making a movie of before and after" };

export const running = (job) => ["waiting", "running"].includes(job?.state);

export class MakingBox {
  // stop: cancels it, or forgets what became of it.
  constructor(stop) {
    this.stop = stop;
    this.element = h("section", { class: "panel", "aria-label": "Being made", hidden: true });
  }

  update(making) {
    this.element.hidden = !making || making.state === "cancelled" || (making.state === "done" && !making.warnings.length);
    if (this.element.hidden) return;
    const what = `${WHAT[making.what]}${making.frame === null ? "" : `, frame ${making.frame}`}`;
    const key = `${what} ${making.state} ${making.error}`;
    if (key !== this.key) this._draw(what, making);
    this.key = key;
    this.share.value = making.share;
    this.step.textContent = making.state === "waiting" ? "waiting for its turn" : making.message || "starting";
  }

  _draw(what, making) {
    this.share = h("progress", { max: 1, "aria-label": what });
    this.step = h("p", { class: "dim", role: "status" });
    this.element.replaceChildren(
      h("h2", {}, what),
      ...(making.error ? [h("p", { class: "bad", role: "alert" }, making.error)] : []),
      ...(running(making)
        ? [this.share, this.step, button("Cancel", this.stop, { class: "wide", id: "stop" })]
        : [...making.warnings.map((warning) => h("p", { class: "warn" }, warning)), button("Dismiss", this.stop)]),
    );
    this.element.scrollIntoView({ block: "nearest" });
  }
}
