/** How many requests the API takes. */
import { CALLBACK_ROUTES } from './callbacks.ts'
import { type Osls, settings } from './cloudformation.ts'

/** More than vendors push, and what they push too fast they push again. */
const CALLBACK_LIMITS = { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 }

/**
 * The stage's limits, for which osls has no setting. They hold for each route without an entry of its own in `RouteSettings`
 * beside them, by route key (`POST /path`), which a route that anyone may call must have.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
 */
export async function throttling(osls: Osls) {
  const { rateLimit, burstLimit, vendorCallbacks } = (await settings(osls)).checked
  return {
    extensions: {
      HttpApiStage: {
        Properties: {
          DefaultRouteSettings: { ThrottlingRateLimit: rateLimit, ThrottlingBurstLimit: burstLimit },
          ...(vendorCallbacks && {
            RouteSettings: Object.fromEntries(CALLBACK_ROUTES.map((path) => [`POST ${path}`, CALLBACK_LIMITS])),
          }),
        },
        // A stage is refused that has settings of a route that is not there yet.
        ...(vendorCallbacks && {
          DependsOn: ['HttpApiRoutePostFeishuCallback', 'HttpApiRoutePostDingtalkCallback'],
        }),
      },
    },
  }
}
