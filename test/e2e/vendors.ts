/** The sandbox of both vendors, which runs in another process, through its own endpoints. */

type VendorState = {
  subscriptions: unknown
  tokenCalls: Record<string, number>
  /** How many calls came, by method and route: `DELETE /open-apis/drive/v1/files/:file_token/delete_subscribe`. */
  calls: Record<string, number>
  answers: number
}

/** The calls that do something: not those for tokens, which every new container needs, nor a dry run's question. */
export async function operationCalls(sandboxUrl: string): Promise<Record<string, number>> {
  const { calls } = await vendorState(sandboxUrl)
  return Object.fromEntries(Object.entries(calls).filter(([route]) => !/^GET |(token|token\/internal)$/i.test(route)))
}

/** What is subscribed to what, and how many calls came. */
export async function vendorState(sandboxUrl: string): Promise<VendorState> {
  return (await (await fetch(`${sandboxUrl}/_sandbox/state`)).json()) as VendorState
}

/** Answers the next call (or calls) of `path` from a script, as `Sandbox.answer` does. */
export async function answerNext(
  sandboxUrl: string,
  match: { method: string; path: string },
  script: object,
  times = 1,
) {
  const order = { method: 'POST', body: JSON.stringify({ match, script, times }) }
  const { status } = await fetch(`${sandboxUrl}/_sandbox/answers`, order)
  if (status !== 201) throw new Error(`the sandbox did not take the script: ${status}`)
}

/** Drops the scripts no call has come for. */
export const forgetAnswers = (sandboxUrl: string) => fetch(`${sandboxUrl}/_sandbox/answers`, { method: 'DELETE' })

/** Changes a document, as its owner might. */
export async function changeDocument(sandboxUrl: string, change: { token: string; appManages: boolean }) {
  const { status } = await fetch(`${sandboxUrl}/_sandbox/documents`, { method: 'POST', body: JSON.stringify(change) })
  if (status !== 200) throw new Error(`the sandbox did not change the document: ${status}`)
}
