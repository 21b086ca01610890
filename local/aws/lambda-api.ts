/** The one call of Lambda's API that operators make: invoke a function and wait for its answer. */
import { createServer } from 'node:http'
import { close, listen, readBody } from '../../cli/loopback.ts'
import { isFromHere } from './json-server.ts'

export type LambdaApi = { readonly url: string; close(): Promise<void> }

/**
 * Serves it on loopback. `invoke` returns what the function does; undefined when there is no such function.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export async function startLambdaApi(
  invoke: (functionName: string, event: unknown) => Promise<unknown> | undefined,
): Promise<LambdaApi> {
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body ?? null))
    const refuse = (status: number, type: string, message: string) =>
      answer(status, { Message: message }, { 'x-amzn-errortype': type })
    const [, name = ''] = /^\/2015-03-31\/functions\/([^/?]+)\/invocations$/.exec(request.url ?? '') ?? []
    if (!isFromHere(request)) return refuse(403, 'AccessDeniedException', 'Only for this machine')
    if (request.method !== 'POST' || name === '') return refuse(404, 'UnknownOperationException', 'Not emulated')
    try {
      const result = invoke(decodeURIComponent(name), JSON.parse(String(await readBody(request))))
      if (!result) return refuse(404, 'ResourceNotFoundException', 'Function not found')
      answer(200, await result)
    } catch (error) {
      const { name: errorType, message: errorMessage } = error as Error
      answer(200, { errorType, errorMessage }, { 'x-amz-function-error': 'Unhandled' })
    }
  })
  return { url: await listen(server), close: () => close(server) }
}
