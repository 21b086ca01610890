/** The parameter check of serverless.yml, called without osls around it. */
import { checked } from '../../infra/parameters.ts'
import { service } from '../../infra/service.ts'

const { params } = service

/** What the check makes of a stage and of `--param` options (`name=value`). Rejects with what it refuses. */
export function checkParameters({ stage = 'dev', given = [] as string[] } = {}): Promise<Record<string, unknown>> {
  const values = { ...params.default, ...Object.fromEntries(given.map((param) => param.split(/=(.*)/s, 2))) }
  const variables: Record<string, unknown> = { 'sls:stage': stage, 'self:params': params, 'opt:param, null': given }
  return checked({
    async resolveVariable(variable: string) {
      if (variable in variables) return variables[variable]
      const value = values[variable.replace(/^param:/, '')]
      if (value === undefined) throw new Error(`serverless.yml has no variable ${variable}`)
      return String(value).replaceAll('$' + '{sls:stage}', stage)
    },
  })
}
