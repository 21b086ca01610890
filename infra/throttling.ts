/** How many requests the API takes. */
import { type Osls, settings } from './cloudformation.ts'

/**
 * The stage's limits, for which osls has no setting. They hold for each route without an entry of its own in `RouteSettings`
 * beside them, by route key (`POST /path`), which a route that anyone may call must have.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
 */
export async function throttling(osls: Osls) {
  const { rateLimit, burstLimit } = (await settings(osls)).checked
  return {
    extensions: {
      HttpApiStage: {
        Properties: {
          DefaultRouteSettings: { ThrottlingRateLimit: rateLimit, ThrottlingBurstLimit: burstLimit },
        },
      },
    },
  }
}
