/** The functions' variables for the commands that do in this process what functions do: store and remove users' tokens. */
import { CommandError } from '../command.ts'
import type { Io } from '../io.ts'
import { type ConnectionOptions, connect, useConnection } from './connection.ts'
import { type Deployment, isOfSecret, useDeployment } from './deployment.ts'

/**
 * Puts the variables `names` of the stack that the options mean into this process's environment, where lib/ looks for them. Without
 * --stage and --local, variables in the environment that name secrets mean a deployment; else it is the local stack.
 */
export async function useVariables<Name extends string>(
  io: Io,
  names: readonly Name[],
  options: ConnectionOptions,
): Promise<Deployment<Name>> {
  const isDeployed = options.stage !== undefined || names.some((name) => isOfSecret(name) && process.env[name])
  if (options.local === undefined && isDeployed) return useDeployment(io, names, options)
  const connection = await connect(io, options)
  useConnection(connection)
  const missing = names.find((name) => !connection.variables[name])
  if (missing) throw new CommandError(`the local stack gives no function the variable ${missing}`)
  return { region: connection.region, variables: connection.variables as Record<Name, string>, kmsKeyId: undefined }
}
