/** What the page has the local stack do. */
import { type Failure, readFailure } from './problem.tsx'
import type { Redriven } from './server.ts'
import type { Language, Say } from './text.ts'

/** Who leaves: the body of `POST /offboardings`, without the kind of run. */
export type Leaver = { offboardingId: string; leaver: { email: string }; custodian?: { email: string } }

type Done = Failure | undefined

async function post(path: string, body: object, language: Language, say: Say): Promise<Response | string> {
  const headers = { 'content-type': 'application/json', 'accept-language': language }
  return fetch(path, { method: 'POST', headers, body: JSON.stringify(body) }).catch(() => say('noAnswer'))
}

/** Asks for an offboarding, or for its dry run. */
export async function offboard(leaver: Leaver, dryRun: boolean, language: Language, say: Say): Promise<Done> {
  const response = await post('/offboardings', { ...leaver, dryRun }, language, say)
  if (typeof response === 'string') return response
  return response.ok ? undefined : readFailure(response)
}

/** Redrives what is parked of an offboarding. */
export async function redrive(offboardingId: string, language: Language, say: Say): Promise<Done> {
  const response = await post('/_page/redrive', { offboardingId }, language, say)
  if (typeof response === 'string') return response
  if (!response.ok) return readFailure(response)
  const { exitCode, log }: Redriven = await response.json()
  return exitCode === 0 ? undefined : `${say('redriveFailed')}\n${log}`
}

export const reportUrl = (offboarding: string, format: string): string =>
  `/_page/report?${new URLSearchParams({ offboarding, format })}`
