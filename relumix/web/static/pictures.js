// Pictures by address, decoded, the last ones kept.
import { picture } from "./api.js";

const MOST = 160;
const AGAIN_MS = 10000; // What could not be shown is not asked for again in less.

export class Pictures {
  constructor() {
    this.kept = new Map();
  }

  // A promise of an ImageBitmap, null where there is none.
  load(path) {
    if (!path) return Promise.resolve(null);
    const known = this.kept.get(path);
    if (known) {
      this.kept.delete(path);
      this.kept.set(path, known);
      return known.promise;
    }
    const entry = { bitmap: undefined };
    entry.promise = picture(path)
      .then((blob) => createImageBitmap(blob))
      .then((bitmap) => (entry.bitmap = bitmap))
      .catch((error) => {
        entry.error = error.message;
        setTimeout(() => this.kept.delete(path), error.status ? AGAIN_MS : 0);
        return null;
      });
    this.kept.set(path, entry);
    while (this.kept.size > MOST) {
      const [oldest, { promise }] = this.kept.entries().next().value;
      this.kept.delete(oldest);
      promise.then((bitmap) => bitmap?.close());
    }
    return entry.promise;
  }

  // Why a picture is not there; "" where nobody said.
  trouble(path) {
    return this.kept.get(path)?.error || "";
  }
}
