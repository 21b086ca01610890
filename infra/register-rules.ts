/** What the function that keeps the register hears of on the bus. */
import { REGISTER, type Settings } from './cloudformation.ts'

/** The patterns of its rules, by name: what customers say of subscriptions, and outcomes after which nothing is subscribed. */
export const registerRules = ({ registerEvent }: Pick<Settings, 'registerEvent'>): Record<string, object> => ({
  [REGISTER]: registerEvent,
  [`${REGISTER}-ended`]: {
    source: ['subscription-offboarding'],
    'detail-type': ['Subscription Offboarding Finished'],
    detail: { outcome: ['changed', 'unchanged', 'gone'] },
  },
})
