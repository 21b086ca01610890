/** What Chinese texts are checked for. */

/** Half-width marks where a Chinese reader expects full-width ones. */
const BESIDE_CHINESE = /[\p{Script=Han}`][,:;!?()"]|[,:;!?()"][\p{Script=Han}]|[(][^()]*\p{Script=Han}[^()]*[)]/u
/** A comma that stands for 、 or ，between Latin words. */
const TIGHT_COMMA = /,(?=[^\s\d])/

/**
 * The parts of a Markdown page, or of a text, that have half-width punctuation beside Chinese. Code in backticks counts as one word; where a
 * link leads does not count. A line has several parts if it is a row of a table, or in both languages.
 */
export function listHalfWidth(markdown: string): string[] {
  let isFenced = false
  return markdown.split('\n').flatMap((line) => {
    if (/^ *```/.test(line)) isFenced = !isFenced
    const text = line
      .replace(/`[^`]+`/g, '`')
      .replace(/\]\([^)]*\)/g, ']')
      .replaceAll('**', '')
    return text
      .split(/<br>| · | \| /)
      .filter((part) => /\p{Script=Han}/u.test(part))
      .filter((part) => BESIDE_CHINESE.test(part) || (!isFenced && TIGHT_COMMA.test(part)))
  })
}
