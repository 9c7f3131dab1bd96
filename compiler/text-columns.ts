/** How wide text is where every letter is as wide as any other. */

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const wide = /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u;

/** How many columns a terminal or an editor gives the text: letters with their marks one, ideographs and emoji two. */
export function columnsOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += wide.test(segment) ? 2 : 1;
  return columns;
}
