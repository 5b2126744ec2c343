import type { DataFrame, DataQueryResponse } from '@grafana/data';

/**
 * openHere has the links within an answer open in the same tab: to go from a
 * picture to what is inside one of its groups is to go on, not to begin
 * something else. What the backend's library writes cannot say so. Links to
 * Explore are left alone.
 */
export function openHere(response: DataQueryResponse): DataQueryResponse {
  return { ...response, data: response.data.map((frame: DataFrame) => withLinksHere(frame)) };
}

function withLinksHere(frame: DataFrame): DataFrame {
  if (!frame.fields?.some((f) => f.config?.links?.length)) {
    return frame;
  }
  return {
    ...frame,
    fields: frame.fields.map((field) => {
      const { links } = field.config ?? {};
      if (!links?.length) {
        return field;
      }
      const here = links.map((link) => (link.internal || link.targetBlank ? link : { ...link, targetBlank: false }));
      return { ...field, config: { ...field.config, links: here } };
    }),
  };
}
