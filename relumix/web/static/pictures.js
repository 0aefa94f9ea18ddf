// Pictures by address, decoded, the last ones kept.
import { picture } from "./api.js";

const MOST = 160;

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
      .catch(() => {
        this.kept.delete(path);
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

  // The picture if it is there already, else undefined.
  now(path) {
    return path ? this.kept.get(path)?.bitmap : null;
  }
}
