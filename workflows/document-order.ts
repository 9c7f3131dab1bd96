/** Nodes by index, taken lowest first: document order, whatever order they were put in. Put and take are O(log n). */
export interface InDocumentOrder {
  readonly size: number;
  put(index: number): void;
  take(): number | undefined;
}

/** A binary heap. */
export function inDocumentOrder(): InDocumentOrder {
  const heap: number[] = [];
  const at = (position: number) => heap[position] as number;

  return {
    get size() {
      return heap.length;
    },
    put(index) {
      let hole = heap.length;
      heap.push(index);
      while (hole > 0) {
        const parent = (hole - 1) >> 1;
        if (at(parent) <= index) break;
        heap[hole] = at(parent);
        hole = parent;
      }
      heap[hole] = index;
    },
    take() {
      const lowest = heap[0];
      const last = heap.pop();
      if (lowest === undefined || last === undefined || heap.length === 0) return lowest;
      let hole = 0;
      for (let child = 1; child < heap.length; child = 2 * hole + 1) {
        if (child + 1 < heap.length && at(child + 1) < at(child)) child += 1;
        if (at(child) >= last) break;
        heap[hole] = at(child);
        hole = child;
      }
      heap[hole] = last;
      return lowest;
    },
  };
}
