/**
 * A plugin of osls. Where `--param="onRemoval=keep"` is given, a deploy takes back what a removal of the stage has left, instead
 * of failing because it exists. osls has no setting for it.
 *
 * CloudFormation finds by itself what is identified by its name: table, log groups, bus, archive. A queue is identified by its
 * URL, which no template can contain, so queues are imported one by one, before the update.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
 */
module.exports = class TakeBack {
  constructor(serverless) {
    const { service, pluginManager } = serverless
    const isKept = () => service.custom.checked.removal.DeletionPolicy !== 'Delete'
    const findDeploy = () => pluginManager.plugins.find((plugin) => plugin.constructor.name === 'AwsDeploy')
    this.hooks = {
      'before:aws:deploy:deploy:createStack': () => isKept() && importByName(findDeploy()),
      'before:aws:deploy:deploy:updateStack': () =>
        isKept() && !service.provider.shouldNotDeploy && importQueues(findDeploy(), service.provider),
    }
  }
}

/** For the update; the stack that comes before it has only the bucket. */
function importByName(deploy) {
  const { getCreateChangeSetParams } = deploy
  deploy.getCreateChangeSetParams = (options) => ({
    ...getCreateChangeSetParams.call(deploy, options),
    ...(options.changeSetType === 'UPDATE' && { ImportExistingResources: true }),
  })
}

/** Adds to the stack, as it is, the queues of the compiled template that it has not and that exist. */
async function importQueues(deploy, { compiledCloudFormationTemplate: compiled }) {
  // Here, not above: osls also packages a copy of the project, which has no node_modules.
  const cloudFormationSdk = require('@aws-sdk/client-cloudformation')
  const { SQSClient } = require('@aws-sdk/client-sqs')
  const { CloudFormationClient, GetTemplateCommand } = cloudFormationSdk
  const { CreateChangeSetCommand, DeleteChangeSetCommand, ExecuteChangeSetCommand } = cloudFormationSdk
  const settings = await deploy.provider.getAwsSdkV3Config()
  const cloudFormation = new CloudFormationClient(settings)
  const StackName = deploy.provider.naming.getStackName()
  const { TemplateBody } = await cloudFormation.send(new GetTemplateCommand({ StackName }))
  const template = JSON.parse(TemplateBody)

  const ResourcesToImport = []
  const sqs = new SQSClient(settings)
  for (const [LogicalResourceId, resource] of Object.entries(compiled.Resources)) {
    const { Type: ResourceType, DeletionPolicy, Properties } = resource
    if (ResourceType !== 'AWS::SQS::Queue' || !DeletionPolicy || template.Resources[LogicalResourceId]) continue
    const QueueUrl = await findQueue(sqs, Properties.QueueName)
    if (!QueueUrl) continue
    template.Resources[LogicalResourceId] = resource
    ResourcesToImport.push({ ResourceType, LogicalResourceId, ResourceIdentifier: { QueueUrl } })
  }
  if (ResourcesToImport.length === 0) return

  const params = deploy.getCreateChangeSetParams({ changeSetType: 'IMPORT', templateBody: template })
  const { ChangeSetName } = params
  // osls has one name for all of its change sets, and leaves the last one in place.
  await cloudFormation.send(new DeleteChangeSetCommand({ StackName, ChangeSetName }))
  // An import may not change tags: left out, they stay as they are.
  await cloudFormation.send(new CreateChangeSetCommand({ ...params, Tags: undefined, ResourcesToImport }))
  await deploy.waitForChangeSetCreation(ChangeSetName, StackName)
  await cloudFormation.send(new ExecuteChangeSetCommand(deploy.getExecuteChangeSetParams()))
  const wait = { client: cloudFormation, minDelay: 1, maxDelay: 5, maxWaitTime: 600 }
  await cloudFormationSdk.waitUntilStackImportComplete(wait, { StackName })
}

async function findQueue(sqs, QueueName) {
  const { GetQueueUrlCommand, QueueDoesNotExist } = require('@aws-sdk/client-sqs')
  try {
    return (await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl
  } catch (error) {
    if (error instanceof QueueDoesNotExist) return undefined
    throw error
  }
}
