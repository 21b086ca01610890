/** Stands for `@aws-sdk/client-secrets-manager` in a simulated container. */
import { Client, Command } from './client.ts'

export class SecretsManagerClient extends Client {}
export class GetSecretValueCommand extends Command<object> {}
export class ListSecretsCommand extends Command<object> {}
export class PutSecretValueCommand extends Command<object> {}
export class TagResourceCommand extends Command<object> {}
