/** What serverless.yml reads as `${file(./infra/serverless.cjs):NAME}`: osls takes no TypeScript there. */
module.exports = Object.assign(
  {},
  require('./parameters.ts'),
  require('./resources.ts'),
  require('./resolution.ts'),
  require('./offboardings.ts'),
  require('./ledger.ts'),
  require('./register.ts'),
  require('./schedules.ts'),
  require('./people-index.ts'),
  require('./callbacks.ts'),
  require('./notifications.ts'),
  require('./throttling.ts'),
  require('./kept.ts'),
  require('./alarms.ts'),
  require('./dashboard.ts'),
)
