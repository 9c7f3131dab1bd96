/** Text for the Web UI, within Temporal's limits: past them a workflow task fails for ever. */

/** Of Temporal's 400 bytes for a summary, what is left for text once it is a JSON payload. */
const summaryBytes = 200;
/** Of Temporal's 1,000 characters for an activity's id. */
const nameLength = 200;

/** One line, at most 200 bytes of UTF-8. */
export function summaryText(text: string): string {
  return shorten(text.replaceAll(/\s+/g, ' '), summaryBytes);
}

/** `pay`, and `pay#2` when it is asked a second time. Ids that are cut stay unique by their place in the document. */
export function activityName(id: string, index: number, asked: number): string {
  const name = id.length <= nameLength ? id : `${id.slice(0, nameLength)}~${index}`;
  return asked <= 1 ? name : `${name}#${asked}`;
}

/** A title as Markdown that shows it literally. */
export function markdownText(text: string): string {
  return shorten(text.replaceAll(/\s+/g, ' '), summaryBytes).replaceAll(/[\\`*_[\]<>]/g, '\\$&');
}

/** Cuts at a character, with an ellipsis. */
function shorten(text: string, bytes: number): string {
  const size = (part: string) => new TextEncoder().encode(part).length;
  if (size(text) <= bytes) return text;
  let kept = '';
  let used = 3;
  for (const character of text) {
    used += size(character);
    if (used > bytes) break;
    kept += character;
  }
  return `${kept}…`;
}
