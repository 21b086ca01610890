/**
 * A plugin of osls. Where `--param="onRemoval=keep"` is given, a deploy takes back the table and the log groups that a removal of
 * the stage has left, instead of failing because they exist. osls has no setting for it.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
 */
module.exports = class TakeBack {
  constructor(serverless) {
    const importExisting = () => {
      if (serverless.service.custom.checked.removal.DeletionPolicy === 'Delete') return
      const deploy = serverless.pluginManager.plugins.find((plugin) => plugin.constructor.name === 'AwsDeploy')
      const { getCreateChangeSetParams } = deploy
      deploy.getCreateChangeSetParams = (options) => ({
        ...getCreateChangeSetParams.call(deploy, options),
        ImportExistingResources: true,
      })
    }
    this.hooks = { 'before:aws:deploy:deploy:createStack': importExisting }
  }
}
