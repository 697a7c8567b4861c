# What people are told of, and what they are to do then.

locals {
  # Whatever is above the threshold for as long as `minutes` is told. Without `of` the threshold is a
  # number, with it a share.
  alerts = {
    stuck-notifications = {
      title     = "Notifications get stuck"
      severity  = "ERROR"
      filter    = local.by_log["stuck"]
      of        = null
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      window    = 900
      threshold = 5
      minutes   = 0
      then      = "tick sets the same work going again and again. Its log says which; look at the log of send-batch and plan-fanout for the reason."
    }
    push-failures = {
      title     = "FCM refuses many pushes"
      severity  = "WARNING"
      filter    = "${local.fcm_calls} AND metric.labels.response_code_class!=\"2xx\""
      of        = local.fcm_calls
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      window    = 600
      threshold = 0.2
      minutes   = 10
      then      = "`errors` of the latest notifications says why: dead addresses are normal in small numbers, throttling is not."
    }
    function-failures = {
      title     = "Functions fail"
      severity  = "ERROR"
      filter    = "${local.answers} AND metric.labels.response_code_class=\"5xx\""
      of        = local.answers
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      window    = 300
      threshold = 0.05
      minutes   = 10
      then      = "Error Reporting groups the stack traces. Single 503 answers are normal: they mean “come again”."
    }
    slow-moderation = {
      title     = "Moderators keep a notification waiting"
      severity  = "WARNING"
      filter    = local.by_log["waiting"]
      of        = null
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      window    = 300
      threshold = 0
      minutes   = 0
      then      = "The log of tick names the notification that waits longest. Is a moderator there, and is their chat working?"
    }
    chat-closed = {
      title     = "The moderators' chat is closed to us"
      severity  = "ERROR"
      filter    = local.by_log["chat-closed"]
      of        = null
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      window    = 300
      threshold = 0
      minutes   = 0
      then      = "The log says why: a wrong token, or a bot that was put out of the group. Moderators can decide by the API meanwhile."
    }
    other-app = {
      title     = "Addresses are unknown, or another app's"
      severity  = "ERROR"
      filter    = local.by_log["other-app"]
      of        = null
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      window    = 300
      threshold = 0
      minutes   = 0
      then      = "The credentials of one app or environment are used for addresses of another: compare the project, app id, bundle id and environment of the credentials with the app's own. Where most addresses are unknown none was removed. The log of send-batch names push service and notification."
    }
    export-failures = {
      title     = "The archive cannot be written"
      severity  = "ERROR"
      filter    = local.by_log["export-failures"]
      of        = null
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      window    = 900
      threshold = 0
      minutes   = 0
      then      = "The log of export-events says what is wrong and what to do. Nothing is lost: whatever ended meanwhile is exported as soon as it works."
    }
    credentials-refused = {
      title     = "A push service refuses our credentials"
      severity  = "CRITICAL"
      filter    = local.by_log["credentials-refused"]
      of        = null
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      window    = 300
      threshold = 0
      minutes   = 0
      then      = "Nothing is being sent through it; the log of send-batch says which. FCM: check the role fanfareSender of send-batch and that the FCM API is enabled. ${join(" and ", values(local.push_services)[*].log_name)}: renew the secret (docs/deploy.md). Then duplicate the notifications that failed."
    }
    queue-age = {
      title     = "Tasks wait long"
      severity  = "WARNING"
      filter    = "${local.delays} AND resource.labels.queue_id!=\"send-urgent\""
      of        = null
      aligner   = "ALIGN_PERCENTILE_99"
      reducer   = "REDUCE_MAX"
      window    = 300
      threshold = 15 * 60 * 1000
      minutes   = 5
      then      = "More is being sent than the queues let through, or send-batch is failing. A very large audience may wait this long by itself."
    }
    urgent-queue-age = {
      title     = "Urgent tasks wait"
      severity  = "ERROR"
      filter    = "${local.delays} AND resource.labels.queue_id=\"send-urgent\""
      of        = null
      aligner   = "ALIGN_PERCENTILE_99"
      reducer   = "REDUCE_MAX"
      window    = 300
      threshold = 60 * 1000
      minutes   = 0
      then      = "Admins' own pushes wait for more than a minute. Look at send-batch."
    }
    broken = {
      title     = "Something of ours is broken"
      severity  = "ERROR"
      filter    = local.by_log["broken"]
      of        = null
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      window    = 300
      threshold = 0
      minutes   = 0
      then      = "Error Reporting has the stack trace. A defect means a record that cannot be read."
    }
    unreachable = {
      title     = "provider-api cannot be reached"
      severity  = "CRITICAL"
      filter    = "resource.type=\"uptime_url\" AND metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id=\"${google_monitoring_uptime_check_config.provider_api.uptime_check_id}\""
      of        = null
      aligner   = "ALIGN_NEXT_OLDER"
      reducer   = "REDUCE_COUNT_FALSE"
      window    = 300
      threshold = 1
      minutes   = 5
      then      = "Open its /openapi.json yourself, then look at its log."
    }
  }
}

resource "google_monitoring_alert_policy" "told" {
  for_each = local.alerts

  project               = google_firestore_database.default.project
  display_name          = "Fanfare: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter             = each.value.filter
      denominator_filter = each.value.of
      comparison         = "COMPARISON_GT"
      threshold_value    = each.value.threshold
      duration           = "${each.value.minutes * 60}s"

      aggregations {
        alignment_period     = "${each.value.window}s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
      }

      dynamic "denominator_aggregations" {
        for_each = each.value.of == null ? [] : [each.value]
        content {
          alignment_period     = "${each.value.window}s"
          per_series_aligner   = each.value.aligner
          cross_series_reducer = each.value.reducer
        }
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = each.value.then
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_logging_metric.seen]
}

# The tick finds whatever else got stuck; nothing else would say that the tick itself has stopped.
resource "google_monitoring_alert_policy" "no_tick" {
  project               = google_firestore_database.default.project
  display_name          = "Fanfare: the tick has stopped"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = "No successful tick for ten minutes"

    condition_absent {
      filter   = "${local.answers} AND resource.labels.service_name=\"tick\" AND metric.labels.response_code_class=\"2xx\""
      duration = "600s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Nothing that got stuck is found any more. Look at the job tick of Cloud Scheduler: what does its last run say?"
  }

  depends_on = [module.function]
}

resource "google_billing_budget" "monthly" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "Fanfare in ${var.project}"

  budget_filter {
    projects        = ["projects/${google_firebase_project.this.project_number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      currency_code = lookup(var.budget, "currency", "EUR")
      units         = var.budget.monthly
    }
  }

  threshold_rules {
    threshold_percent = 0.5
  }
  threshold_rules {
    threshold_percent = 0.9
  }
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
    disable_default_iam_recipients   = false
  }
}
