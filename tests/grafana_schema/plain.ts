import type { AnnotationQuery, Dashboard, Panel } from "@grafana/schema";

/** A type of Grafana's as it stands in JSON: an enum's members are their values. */
export type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Item>
      ? Array<Plain<Item>>
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

/** The same, of which a board may leave out what Grafana fills in. */
export type Part<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Item>
      ? Array<Part<Item>>
      : T extends object
        ? { [Key in keyof T]?: Part<T[Key]> }
        : T;

/** A query of Grafana's InfluxDB data source, of which the package has no type (its plugin's types.ts). */
export interface InfluxQuery {
  refId: string;
  datasource?: { type: "influxdb"; uid: string };
  rawQuery: true;
  query: string;
  resultFormat: "time_series" | "table";
  alias?: string;
  textColumn?: string;
  tagsColumn?: string;
  fromAnnotations?: true;
}

/** A board of InfluxQL alone. */
export type Board = Omit<Dashboard, "annotations" | "panels"> & {
  annotations?: { list?: Array<AnnotationQuery<InfluxQuery>> };
  panels?: Array<Omit<Panel, "targets"> & { targets: InfluxQuery[] }>;
};
