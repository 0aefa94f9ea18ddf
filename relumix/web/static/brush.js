// A soft brush and gradients on the viewer, by pointer or by keyboard. Lengths are shares of the picture's width.
import { h, slider, button } from "./dom.js";

const STEP = 0.02;
const CLOSEST = 0.004; // Points nearer to each other than this add nothing.

export class Brush {
  constructor(viewer, { onchange }) {
    this.viewer = viewer;
    this.onchange = onchange;
    this.radius = 0.08;
    this.softness = 0.7;
    this.erases = false;
    this.cursor = null;
    this.stroke = null;
    this.handle = null;
    this.handlers = {
      pointerdown: (event) => this._down(event),
      pointermove: (event) => this._move(event),
      pointerup: () => this._up(),
      pointercancel: () => this._up(),
      pointerleave: () => this._leave(),
      keydown: (event) => this._key(event),
    };
  }

  // Work on a region's shape, or on none.
  use(shape) {
    const on = Boolean(shape);
    if (on !== Boolean(this.shape)) {
      for (const [name, handler] of Object.entries(this.handlers)) {
        if (on) this.viewer.stage.addEventListener(name, handler, { capture: true });
        else this.viewer.stage.removeEventListener(name, handler, { capture: true });
      }
    }
    this.shape = shape;
    this.viewer.held = on;
    this.viewer.stage.classList.toggle("painting", on);
    this.viewer.overlay = on ? (...drawing) => this._draw(...drawing) : null;
    this.viewer.redraw();
  }

  controls() {
    if (!this.shape || this.shape.gradient) return null;
    const erase = h("input", { type: "checkbox", checked: this.erases, onchange: () => (this.erases = erase.checked) });
    return h(
      "div",
      { class: "brush" },
      slider({ name: "Brush", unit: "% of width", min: 1, max: 50, step: 0.5, value: this.radius * 100, reset: 8, onchange: (value) => this._sized(value / 100) }),
      slider({ name: "Softness", min: 0, max: 1, step: 0.05, value: this.softness, reset: 0.7, onchange: (value) => (this.softness = value) }),
      h("div", { class: "row" }, h("label", {}, erase, " Erase"), button("Undo stroke", () => this.undo(), { title: "Ctrl+Z" })),
      h("p", { class: "hint" }, "Paint on the picture. By keyboard: focus it, move with the arrow keys, paint with Space."),
    );
  }

  undo() {
    this.shape?.strokes?.pop();
    this.viewer.redraw();
    this.onchange();
  }

  _sized(radius) {
    this.radius = radius;
    this.viewer.redraw();
  }

  _down(event) {
    const at = this.viewer.place(event);
    if (!at || event.button) return;
    event.stopPropagation();
    this.viewer.stage.setPointerCapture(event.pointerId);
    this.viewer.stage.focus({ preventScroll: true });
    event.preventDefault();
    if (this.shape.gradient) {
      const ends = ["begin", "end"];
      const away = ([x, y]) => Math.hypot(x - at[0], y - at[1]);
      this.handle = ends.sort((one, other) => away(this.shape[one]) - away(this.shape[other]))[0];
      this.shape[this.handle] = at;
    } else {
      this.stroke = { points: [at], radius: this.radius, softness: this.softness, erases: this.erases };
      this.shape.strokes.push(this.stroke);
    }
    this.viewer.redraw();
  }

  _move(event) {
    const at = (this.cursor = this.viewer.place(event));
    event.stopPropagation();
    if (!at) return;
    if (this.handle) {
      this.shape[this.handle] = at;
      this.onchange();
    } else if (this.stroke) {
      const [x, y] = this.stroke.points[this.stroke.points.length - 1];
      if (Math.hypot(at[0] - x, at[1] - y) > CLOSEST) this.stroke.points.push(at);
    }
    this.viewer.redraw();
  }

  _up() {
    if (this.stroke || this.handle) this.onchange();
    this.stroke = this.handle = null;
    this.viewer.redraw();
  }

  _leave() {
    if (!this.stroke) this.cursor = null;
    this.viewer.redraw();
  }

  _key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.undo();
      return;
    }
    if (!way && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    const { clip } = this.viewer;
    this.cursor = this.cursor || [0.5, clip.height / (clip.width * clip.aspect) / 2];
    if (this.shape.gradient) {
      if (way) this._nudge(way, event.shiftKey ? "end" : "begin");
      return;
    }
    if (way) this.cursor = [this.cursor[0] + way[0] * STEP, this.cursor[1] + way[1] * STEP];
    else {
      this.shape.strokes.push({ points: [this.cursor], radius: this.radius, softness: this.softness, erases: this.erases });
      this.onchange();
    }
    this.viewer.redraw();
  }

  _nudge([x, y], end) {
    this.shape[end] = [this.shape[end][0] + x * STEP, this.shape[end][1] + y * STEP];
    this.onchange();
    this.viewer.redraw();
  }

  _draw(context, [left, top, width], ratio) {
    const at = ([x, y]) => [left + x * width, top + y * width];
    context.save();
    context.lineWidth = 1.5 * ratio;
    context.strokeStyle = "#ffffffcc";
    context.setLineDash([5 * ratio, 4 * ratio]);
    if (this.shape.gradient) this._drawGradient(context, at, ratio);
    else {
      if (this.stroke) this._drawStroke(context, at, width);
      if (this.cursor) this._ring(context, at(this.cursor), this.radius * width);
    }
    context.restore();
  }

  _drawStroke(context, at, width) {
    context.save();
    context.setLineDash([]);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * this.radius * width * (1 - this.softness / 2);
    context.strokeStyle = this.erases ? "#00000055" : "#f5b54455";
    context.beginPath();
    this.stroke.points.forEach((point, i) => context[i ? "lineTo" : "moveTo"](...at(point)));
    context.lineTo(...at(this.stroke.points[this.stroke.points.length - 1]).map((value) => value + 0.01));
    context.stroke();
    context.restore();
  }

  _drawGradient(context, at, ratio) {
    const [begin, end] = [at(this.shape.begin), at(this.shape.end)];
    context.beginPath();
    context.moveTo(...begin);
    context.lineTo(...end);
    context.stroke();
    if (this.shape.gradient === "radial") this._ring(context, begin, Math.hypot(end[0] - begin[0], end[1] - begin[1]));
    context.setLineDash([]);
    for (const [point, fill] of [[begin, "#f5b544"], [end, "#222"]]) {
      context.beginPath();
      context.arc(...point, 7 * ratio, 0, 7);
      context.fillStyle = fill;
      context.fill();
      context.stroke();
    }
  }

  _ring(context, [x, y], radius) {
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.stroke();
  }
}
