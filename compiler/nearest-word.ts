/** The nearest right word for a wrong one, for hints. */

/** Edits (insert, delete, replace, swap neighbours) from one word to the other; from `enough` on, any number as large. */
export function editDistance(from: string, to: string, enough: number = Number.POSITIVE_INFINITY): number {
  let before: number[] = [];
  let row: number[] = [];
  for (let index = 0; index <= to.length; index += 1) row.push(index);
  let least = 0;
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    const leastBefore = least;
    least = i;
    for (let j = 1; j <= to.length; j += 1) {
      const replace = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let best = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replace);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      next.push(best);
      if (best < least) least = best;
    }
    // No later row has less than the least of two that follow each other: a swap skips one.
    if (least >= enough && leastBefore >= enough) return enough;
    before = row;
    row = next;
  }
  return row[to.length] ?? 0;
}

/** More candidates than these are not looked through: a hint is not worth the time. */
const maxCandidates = 300;

/** The candidate within a third of the word's length (at least one edit), nearest first; undefined when none is near. */
export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.slice(0, 80).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let seen = 0;
  for (const candidate of candidates) {
    seen += 1;
    if (seen > maxCandidates) break;
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
