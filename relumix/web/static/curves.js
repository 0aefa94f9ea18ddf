// Confidence and flicker over time. A click goes to that frame.
import { h, svg } from "./dom.js";

const WIDTH = 1000;
const HEIGHT = 100;

export class Curves {
  constructor({ onframe }) {
    this.onframe = onframe;
    this.element = h("section", { class: "curves empty", "aria-label": "Curves over time" });
    this.confidence = new Curve("Confidence", "how sure the light is", onframe, { top: 1 });
    this.flicker = new Curve("Flicker", "change of the light from frame to frame, in stops", onframe, {});
    this.element.append(this.confidence.element, this.flicker.element);
  }

  update(clip) {
    const { confidence, flicker } = clip.measures;
    this.element.classList.toggle("empty", !Object.keys(confidence).length);
    this.confidence.update(clip, confidence);
    this.flicker.update(clip, flicker);
  }

  show(frame) {
    this.confidence.show(frame);
    this.flicker.show(frame);
  }
}

// The frame that is least sure, and how sure; null where nothing is known.
export function lowest(clip) {
  const known = Object.entries(clip.measures.confidence).map(([frame, value]) => [Number(frame), value]);
  return known.length ? known.reduce((least, each) => (each[1] < least[1] ? each : least)) : null;
}

class Curve {
  constructor(name, about, onframe, { top }) {
    this.name = name;
    this.top = top;
    this.onframe = onframe;
    this.line = svg("path", { class: "line", "vector-effect": "non-scaling-stroke" });
    this.area = svg("path", { class: "area" });
    this.cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT, "vector-effect": "non-scaling-stroke" });
    this.given = svg("g", { class: "references" });
    this.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${name} over time` });
    this.picture.append(this.given, this.area, this.line, this.cursor);
    this.value = h("output", { class: "number" });
    this.element = h("figure", {}, h("figcaption", {}, h("b", {}, name), h("span", { class: "dim" }, ` ${about}`), this.value), this.picture);
    const pick = (event) => {
      const bounds = this.picture.getBoundingClientRect();
      const { frames } = this.clip;
      const share = (event.clientX - bounds.left) / bounds.width;
      this.onframe(frames[Math.max(0, Math.min(frames.length - 1, Math.floor(share * frames.length)))]);
    };
    this.picture.addEventListener("pointerdown", (event) => {
      pick(event);
      this.picture.setPointerCapture(event.pointerId);
    });
    this.picture.addEventListener("pointermove", (event) => event.buttons && pick(event));
  }

  x(frame) {
    return ((this.clip.frames.indexOf(frame) + 0.5) / this.clip.frames.length) * WIDTH;
  }

  update(clip, values) {
    this.clip = clip;
    this.values = values;
    // What is sure has its top at 1; its bottom, as flicker's top, is where the values are.
    const least = Math.min(...Object.values(values));
    const bottom = this.top ? Math.max(0, Math.floor(least * 10 - 0.5) / 10) : 0;
    const top = this.top || Math.max(0.05, ...Object.values(values)) * 1.15;
    const y = (value) => (HEIGHT * (1 - (value - bottom) / (top - bottom))).toFixed(1);
    const points = clip.frames.filter((frame) => values[frame] !== undefined).map((frame) => `${this.x(frame).toFixed(1)} ${y(values[frame])}`);
    const known = Object.values(values);
    const told = known.length ? `, from ${Math.min(...known).toFixed(2)} to ${Math.max(...known).toFixed(2)}` : ": nothing is made yet";
    this.picture.setAttribute("aria-label", `${this.name} over time${told}`);
    this.line.setAttribute("d", points.length ? `M${points.join("L")}` : "");
    const first = points[0]?.split(" ")[0];
    const last = points[points.length - 1]?.split(" ")[0];
    this.area.setAttribute("d", points.length ? `M${first} ${HEIGHT}L${points.join("L")}L${last} ${HEIGHT}Z` : "");
    this.given.replaceChildren(
      ...Object.keys(clip.references).map((frame) =>
        svg("line", { x1: this.x(Number(frame)), x2: this.x(Number(frame)), y1: 0, y2: HEIGHT, "vector-effect": "non-scaling-stroke" }),
      ),
    );
    this.show(this.frame);
  }

  show(frame) {
    this.frame = frame;
    if (!this.clip || frame === undefined) return;
    this.cursor.setAttribute("x1", this.x(frame));
    this.cursor.setAttribute("x2", this.x(frame));
    const value = this.values[frame];
    this.value.textContent = value === undefined ? "" : value.toFixed(2);
  }
}
