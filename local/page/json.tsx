/** JSON, indented and coloured; anything else as it came. */
export function Json({ text }: { text: string }) {
  let indented = text
  try {
    indented = JSON.stringify(JSON.parse(text), null, 2)
  } catch {}
  const parts = indented.split(/("(?:[^"\\]|\\.)*"(?:\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?)/)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <pre tabIndex={0}>
      {parts.map((part, index) => {
        const kind = index % 2 === 0 ? '' : part.endsWith(':') ? 'key' : part.startsWith('"') ? 'text' : 'other'
        return kind ? (
          <span key={index} class={`json-${kind}`}>
            {part}
          </span>
        ) : (
          part
        )
      })}
    </pre>
  )
}
