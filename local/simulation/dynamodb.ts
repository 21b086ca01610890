/** Stands for `@aws-sdk/client-dynamodb` in a simulated container: what lib/aws/dynamodb.ts uses of it, with its retries. */
import { Client, Command } from './aws.ts'

export class DynamoDBClient extends Client {
  override readonly retryMs = 50
  override readonly unknownStatus = 500
}

export class GetItemCommand extends Command {}
export class PutItemCommand extends Command {}
export class UpdateItemCommand extends Command {}
export class DeleteItemCommand extends Command {}
export class QueryCommand extends Command {}
