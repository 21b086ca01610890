/** The operator's command line, run for the page. */
import { Readable, Writable } from 'node:stream'
import { processIo } from '../../cli/io.ts'
import { main } from '../../cli/main.ts'

/** Runs `offboarding ARGS` in this process, without a terminal; returns its exit code and everything it wrote. */
export async function runOperatorCommand(
  args: string[],
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [collect(), collect()]
  const exitCode = await main(args, {
    ...processIo(),
    stdin: Readable.from([]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    // Ctrl-C ends npm start itself.
    catchInterrupt: () => new AbortController().signal,
  })
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

function collect() {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString() }
}
