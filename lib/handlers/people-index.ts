/** The refresh of the index by which DingTalk's people are found by e-mail address and employee number. */
import { audit } from '../audit.ts'
import { OperationError } from '../error.ts'
import { indexPerson, readProgress, recordProgress } from '../ledger/people-index.ts'
import type { Ask } from '../people/ask.ts'
import { type Listed, listDepartments, listPeople, ROOT } from '../people/dingtalk-directory.ts'

/**
 * Enters the people of every department, depth first, going on where a run that time cut off has stopped. Throws `unavailable` when time
 * runs out, and what a vendor's call was given up with; either way the departments that are left are kept.
 */
export async function refreshIndex(ask: Ask, remainingMs: () => number): Promise<void> {
  const left = (await readProgress()) ?? [ROOT]
  let people = 0
  try {
    for (let department = left.at(-1); department !== undefined; department = left.at(-1)) {
      if (remainingMs() <= 0) throw new OperationError('unavailable', OUT_OF_TIME, { scope: 'us' })
      for await (const page of listPeople(department, ask)) {
        await Promise.all(page.map(enter))
        people += page.length
      }
      const below = await listDepartments(department, ask)
      left.pop()
      left.push(...below)
    }
  } finally {
    await recordProgress(left)
    audit({ message: 'indexed', operation: 'people-index', items: people })
  }
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
