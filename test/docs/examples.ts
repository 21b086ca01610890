/** The examples of the READMEs and of docs/, and what the shell makes of them. */
import { execFile } from 'node:child_process'
import { globSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

export type Example = { page: string; line: number; language: string; text: string; functions: string }

/** Each fenced block, by page; `functions`: the shell functions that blocks before it define. */
export const examplesOf = (page: string): Example[] => {
  const source = readFileSync(page, 'utf8')
  let functions = ''
  return [...source.matchAll(/^( *)```([^\n]*)\n([\s\S]*?)^\1```$/gm)].map(
    ([, indent = '', language = '', text = ''], index, all) => {
      const line = source.slice(0, all[index]?.index).split('\n').length
      const example = { page, line, language: language.trim(), text: text.replaceAll(`\n${indent}`, '\n'), functions }
      functions += [...text.matchAll(/^\w+\(\) \{\n[\s\S]*?^\}\n/gm)].join('')
      return example
    },
  )
}

export const pages = globSync(['*.md', 'docs/*.md'])
  .filter((page) => page !== 'CHANGELOG.md')
  .sort()

/** Commands that are noted down instead of being run; any other is run, and there are few of those in the path. */
const NOTED = ['npm', 'npx', 'aws', 'curl', 'git', 'cd', 'jq']

const PRELUDE = `set -euo pipefail
note() { printf '%s\\0' "$#" "$@" >> "$NOTES"; }
${NOTED.map((name) => `${name}() { note ${name} "$@"; }`).join('\n')}
`

/** The commands of a shell example, word by word, as bash finds them. Throws when bash does. */
export async function commandsOf({ text, functions }: Example, folder: string, env: Record<string, string>) {
  const notes = path.join(folder, 'notes')
  rmSync(notes, { force: true })
  await promisify(execFile)('bash', ['-c', `${PRELUDE}${functions}${text}`], {
    cwd: folder,
    env: { PATH: '/usr/bin:/bin', NOTES: notes, ...env },
  })
  const words = readFileSync(notes, { encoding: 'utf8', flag: 'a+' }).split('\0')
  const commands: string[][] = []
  for (let at = 0; at < words.length - 1; at += Number(words[at]) + 1)
    commands.push(words.slice(at + 1, at + 1 + Number(words[at])))
  return commands
}
