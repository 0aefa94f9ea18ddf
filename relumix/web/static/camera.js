// The pinhole that saw a frame, as the server tells it: between places of the picture, in shares of its width, and
// points of the scene.
const dot = (one, other) => one.reduce((sum, value, i) => sum + value * other[i], 0);
const cross = ([a, b, c], [x, y, z]) => [b * z - c * y, c * x - a * z, a * y - b * x];
const unit = (way) => way.map((value) => value / (Math.hypot(...way) || 1));

export const along = (from, way, length) => from.map((value, i) => value + way[i] * length);
export const rounded = (values) => values.map((value) => Number(value.toPrecision(4)));

export class Camera {
  constructor(matrix) {
    this.rows = [0, 4, 8].map((at) => matrix.slice(at, at + 3));
    this.shift = [3, 7, 11].map((at) => matrix[at]);
  }

  // [across, down, depth] of a point; behind the camera depth is below 0.
  seen(point) {
    const [across, down, depth] = this.rows.map((row, i) => dot(row, point) + this.shift[i]);
    return [across / depth, down / depth, depth];
  }

  // The point that is seen at a place, at a depth: by Cramer's rule.
  point([across, down], depth) {
    const [a, b, c] = this.rows;
    const wanted = [across * depth, down * depth, depth].map((value, i) => value - this.shift[i]);
    const columns = [cross(b, c), cross(c, a), cross(a, b)];
    const size = dot(a, columns[0]);
    return [0, 1, 2].map((axis) => columns.reduce((sum, column, i) => sum + column[axis] * wanted[i], 0) / size);
  }

  // The axis of the scene that is most upright in the picture, as a rig's "up".
  get up() {
    const upward = unit(this.rows[1]).map((value) => -value);
    const most = upward.reduce((best, value, axis) => (Math.abs(value) > Math.abs(upward[best]) ? axis : best), 0);
    return [0, 1, 2].map((axis) => (axis === most ? Math.sign(upward[most]) : 0));
  }
}
