/** The command that has a user grant access, as hints name it. */

/** `npx offboarding users authorize …`, on the stage whose function asks. Without a stage, or on npm start's, it is the local stack. */
export function authorizeCommand(...options: string[]): string {
  const { DEPLOYED_STAGE = 'local', AWS_REGION } = process.env
  const ofStage =
    DEPLOYED_STAGE === 'local' ? [] : ['--stage', DEPLOYED_STAGE, ...(AWS_REGION ? ['--region', AWS_REGION] : [])]
  return ['npx offboarding users authorize', ...options, ...ofStage].join(' ')
}
