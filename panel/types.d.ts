// Written from the table of routes by `make docs`; not by hand.

export interface AdminHwidInput {
  hwid: string;
  note?: string | null;
}

export interface CompleteInput {
  title: string;
  body: string;
  image?: string | null;
  url?: string | null;
  urlButtonName?: string | null;
  forceTimer?: number | null;
  expirySeconds?: number | null;
  targetSegment: Segment;
  draft?: boolean | null;
}

export interface DashboardAnswer {
  counts: Record<string, number>;
  latest: NotificationAnswer[];
}

export interface DescriptionAnswer {
  openapi: string;
  info: Record<string, unknown>;
  servers: Record<string, unknown>[];
  paths: Record<string, unknown>;
  components: Record<string, unknown>;
}

export interface DomainAnswer {
  domain: string;
  isVerified: boolean;
  adminHwids: string[];
  adminHwidNotes: Record<string, string>;
  deepLinkSchemes: string[];
  unreadable: string[];
}

export interface DomainsAnswer {
  domains: DomainAnswer[];
}

export interface EditInput {
  title?: string | null;
  body?: string | null;
  image?: string | null;
  url?: string | null;
  urlButtonName?: string | null;
  forceTimer?: number | null;
  expirySeconds?: number | null;
  targetSegment?: Segment | null;
}

export interface EntitlementsAnswer {
  send: boolean;
  forceTimer: boolean;
  missing: Sentence[];
}

export interface ErrorCount {
  code: string;
  message: string;
  remedy: string;
  count: number;
}

export interface EstimateAnswer {
  devices: number;
  byPlatform: Record<string, number>;
  exact: boolean;
}

export interface EstimateInput {
  targetSegment: Segment;
}

export interface ExplanationAnswer {
  hwid: string;
  targeted: boolean;
  planned: boolean;
  misses: string[];
  batch: string | null;
  attempts: number;
  outcome: Outcome | null;
  code: string | null;
  message: string | null;
  receipt: string | null;
  at: string | null;
  unreadable: string[];
}

export type FailureReason = "premiumLapsed" | "noVerifiedDomain" | "noAudience" | "credentialsRefused" | "everyPushFailed" | "newRedFinding" | "linkChanged";

export interface FindingAnswer {
  code: string;
  severity: Severity;
  field: string;
  sentence: string;
}

export interface KeyAnswer {
  id: string;
  name: string;
  createdAt: string;
  createdBy: string | null;
}

export interface KeyInput {
  name: string;
}

export interface KeysAnswer {
  keys: KeyAnswer[];
}

export interface ListInput {
  status?: Status | null;
  kind?: "one-time" | null;
  q?: string | null;
  pageSize?: number | null;
  pageToken?: string | null;
}

export interface MeAnswer {
  uid: string;
  email: string;
  name: string;
  isPremium: boolean;
  plan: Plan;
  limits: Record<string, number>;
  unreadable: string[];
  entitlements: EntitlementsAnswer;
}

export interface NewKeyAnswer {
  id: string;
  name: string;
  key: string;
}

export interface NotificationAnswer {
  id: string;
  title: string | null;
  body: string | null;
  image: string | null;
  url: string | null;
  urlButtonName: string;
  forceTimer: number | null;
  expirySeconds: number | null;
  targetSegment: Segment | null;
  providerId: string;
  providerEmail: string;
  status: Status;
  createdAt: string;
  revision: number;
  findings: FindingAnswer[];
  estimatedDevices: number | null;
  submittedAt: string | null;
  moderatedAt: string | null;
  moderatorId: string | null;
  moderatorComment: string | null;
  autoApproved: boolean;
  autoApproveReason: string | null;
  cancelledAt: string | null;
  cancelledBy: string | null;
  sendingAt: string | null;
  endedAt: string | null;
  failureReason: FailureReason | null;
  countedAt: string | null;
  targetedCount: number;
  deliveredCount: number;
  failedCount: number;
  skippedCount: number;
  unknownCount: number;
  errors: Record<string, number>;
}

export interface NotificationInput {
  title?: string | null;
  body?: string | null;
  image?: string | null;
  url?: string | null;
  urlButtonName?: string | null;
  forceTimer?: number | null;
  expirySeconds?: number | null;
  targetSegment?: Segment | null;
  draft?: boolean | null;
}

export interface NotificationsAnswer {
  notifications: NotificationAnswer[];
  nextPageToken: string | null;
}

export type Outcome = "open" | "delivered" | "failed" | "skipped" | "unknown";

export interface OwnDomainInput {
  adminHwids?: (string | AdminHwidInput)[] | null;
  deepLinkSchemes?: string[] | null;
}

export type Plan = "premium" | "enterprise";

export interface Segment {
  platform?: TargetPlatform | null;
  region?: string[] | null;
  languages?: string[] | null;
  domain?: string | null;
  activeDays?: number | null;
  appVersion?: string | null;
  hwid?: string | null;
}

export interface SendTestInput {
  hwids?: string[] | null;
}

export interface SentTestAnswer {
  results: SentTestResultAnswer[];
}

export interface SentTestResultAnswer {
  hwid: string;
  note: string | null;
  outcome: Outcome;
  code: string | null;
  message: string;
}

export interface Sentence {
  code: string;
  message: string;
}

export type Severity = "info" | "warning" | "red";

export interface StatsAnswer {
  status: Status;
  targetedCount: number;
  deliveredCount: number;
  failedCount: number;
  skippedCount: number;
  unknownCount: number;
  openCount: number;
  errors: ErrorCount[];
  failure: Sentence | null;
  countedAt: string | null;
}

export type Status = "draft" | "pending" | "scheduled" | "active" | "sending" | "approved" | "rejected" | "cancelled" | "failed" | "stopped";

export interface StopInput {
  reason?: string | null;
}

export interface StoppedAnswer {
  id: string;
  title: string | null;
  body: string | null;
  image: string | null;
  url: string | null;
  urlButtonName: string;
  forceTimer: number | null;
  expirySeconds: number | null;
  targetSegment: Segment | null;
  providerId: string;
  providerEmail: string;
  status: Status;
  createdAt: string;
  revision: number;
  findings: FindingAnswer[];
  estimatedDevices: number | null;
  submittedAt: string | null;
  moderatedAt: string | null;
  moderatorId: string | null;
  moderatorComment: string | null;
  autoApproved: boolean;
  autoApproveReason: string | null;
  cancelledAt: string | null;
  cancelledBy: string | null;
  sendingAt: string | null;
  endedAt: string | null;
  failureReason: FailureReason | null;
  countedAt: string | null;
  targetedCount: number;
  deliveredCount: number;
  failedCount: number;
  skippedCount: number;
  unknownCount: number;
  errors: Record<string, number>;
  preventedCount: number;
}

export type TargetPlatform = "all" | "ios" | "android" | "linux" | "windows" | "macos";

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  details?: Record<string, unknown>;
  errors?: { field: string; code: string; message: string }[];
}
