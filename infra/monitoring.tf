# What is counted and shown. What people are told of is in alerts.tf.

locals {
  # Told from what the functions log: tests/infra/test_monitoring.py compares with the code.
  log_metrics = {
    stuck = {
      description = "Ticks that found work that had got stuck."
      filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"tick\" AND jsonPayload.message=~\"^swept \""
    }
    waiting = {
      description = "Times the oldest notification had waited for a moderator beyond the agreed time."
      filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"tick\" AND \"waits for\" AND \"minutes\""
    }
    chat-closed = {
      description = "Times the moderators' chat could not be used until somebody acts."
      filter      = "resource.type=\"cloud_run_revision\" AND severity>=ERROR AND jsonPayload.message=~\"^the moderators' chat: \""
    }
    credentials-refused = {
      description = "Times a push service refused our credentials to everybody it was asked for."
      filter      = "resource.type=\"cloud_run_revision\" AND severity>=ERROR AND ${local.sender_logs} AND (${join(" OR ", formatlist("\"%s: credentialsRefused\"", local.push_log_names))})"
    }
    other-app = {
      description = "Times most addresses were unknown to a push service, or another app's."
      filter      = "resource.type=\"cloud_run_revision\" AND ${local.sender_logs} AND (\"push: addressesOfAnotherApp\" OR \": wrongApp, notification\" OR \": wrongEnvironment, notification\")"
    }
    export-failures = {
      description = "Exports that failed for good."
      filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"export-events\" AND severity>=ERROR"
    }
    broken = {
      description = "Errors that are nobody's but ours."
      filter      = "resource.type=\"cloud_run_revision\" AND severity>=ERROR AND jsonPayload.message=~\": (defect|unexpected): \""
    }
  }

  by_log = { for name in keys(local.log_metrics) : name => "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/fanfare-${name}\"" }

  answers   = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/request_count\""
  fcm_calls = "resource.type=\"consumed_api\" AND metric.type=\"serviceruntime.googleapis.com/api/request_count\" AND resource.labels.service=\"fcm.googleapis.com\""
  delays    = "resource.type=\"cloud_tasks_queue\" AND metric.type=\"cloudtasks.googleapis.com/queue/task_attempt_delays\""
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = google_firestore_database.default.project
  display_name = each.value
  type         = "email"
  labels       = { email_address = each.value }
}

resource "google_logging_metric" "seen" {
  for_each = local.log_metrics

  project     = google_firestore_database.default.project
  name        = "fanfare-${each.key}"
  description = each.value.description
  filter      = each.value.filter

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_monitoring_uptime_check_config" "provider_api" {
  project      = google_firestore_database.default.project
  display_name = "provider-api"
  timeout      = "10s"
  period       = "300s"

  http_check {
    path         = "/provider-api/openapi.json"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = local.gateway
    }
  }

  depends_on = [module.function]
}

locals {
  charts = [
    { title = "Answers by function", filter = local.answers, aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.service_name"] },
    { title = "Answers 5xx by function", filter = "${local.answers} AND metric.labels.response_code_class=\"5xx\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.service_name"] },
    { title = "Latency, 95th percentile, ms", filter = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/request_latencies\"", aligner = "ALIGN_PERCENTILE_95", reducer = "REDUCE_MAX", by = ["resource.label.service_name"] },
    { title = "Calls to FCM by answer", filter = local.fcm_calls, aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["metric.label.response_code"] },
    { title = "Tasks waiting", filter = "resource.type=\"cloud_tasks_queue\" AND metric.type=\"cloudtasks.googleapis.com/queue/depth\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.queue_id"] },
    { title = "Delay of tasks, 99th percentile, ms", filter = local.delays, aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX", by = ["resource.label.queue_id"] },
    { title = "Instances by function", filter = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/container/instance_count\"", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["resource.label.service_name"] },
    { title = "Got stuck", filter = local.by_log["stuck"], aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = [] },
  ]
}

resource "google_monitoring_dashboard" "overview" {
  project = google_firestore_database.default.project

  dashboard_json = jsonencode({
    displayName = "Fanfare"
    mosaicLayout = {
      columns = 12
      tiles = [
        for n, chart in local.charts : {
          xPos   = (n % 2) * 6
          yPos   = floor(n / 2) * 4
          width  = 6
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = "60s"
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = chart.reducer
                      groupByFields      = chart.by
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_logging_metric.seen]
}
