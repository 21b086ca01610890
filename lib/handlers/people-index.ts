/** The refresh of the index by which DingTalk's people are found by e-mail address and employee number. */
import { audit, errorFields } from '../audit.ts'
import { OperationError } from '../error.ts'
import { indexPerson, readProgress, recordProgress } from '../ledger/people-index.ts'
import type { Ask } from '../people/ask.ts'
import { type Listed, listDepartments, listPeople, ROOT } from '../people/dingtalk-directory.ts'

/** With so many failures in a run it is not a department that is at fault. */
const MOST_FAILURES = 10

/**
 * Enters the people of every department, depth first, going on where a run that was cut off has stopped. A department that fails is passed
 * over, and what it failed with thrown at the end; the next run begins anew. Throws at once, with the departments that are left kept, when
 * time runs out or too much fails.
 */
export async function refreshIndex(ask: Ask, remainingMs: () => number): Promise<void> {
  const left = (await readProgress()) ?? [ROOT]
  const failures: OperationError[] = []
  let people = 0
  const unlessFailed = async (department: string, step: () => Promise<void>) => {
    try {
      await step()
    } catch (error) {
      if (!(error instanceof OperationError) || error.scope === 'us') throw error
      failures.push(error)
      audit({ message: 'failed', operation: 'people-index', input: { dept_id: department }, ...errorFields(error) })
    }
  }
  try {
    for (let department = left.at(-1); department !== undefined; department = left.at(-1)) {
      if (remainingMs() <= 0) throw new OperationError('unavailable', OUT_OF_TIME, { scope: 'us' })
      if (failures.length >= MOST_FAILURES) break
      await unlessFailed(department, async () => {
        for await (const page of listPeople(department, ask)) {
          await Promise.all(page.map(enter))
          people += page.length
        }
      })
      const below: string[] = []
      await unlessFailed(department, async () => void below.push(...(await listDepartments(department, ask))))
      left.pop()
      left.push(...below)
    }
  } finally {
    await recordProgress(left)
    audit({ message: 'indexed', operation: 'people-index', items: people })
  }
  if (failures[0]) throw failures[0]
}

async function enter({ emails, employeeNumber, ...ids }: Listed): Promise<void> {
  await Promise.all([
    ...emails.map((email) => indexPerson('email', email, ids)),
    ...(employeeNumber === undefined ? [] : [indexPerson('number', employeeNumber, ids)]),
  ])
}

const OUT_OF_TIME = {
  en: 'Time ran out with departments left. The next run goes on with them.',
  zh: '时间用尽，尚有部门未处理，下次运行将继续。',
}
