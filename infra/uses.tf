# What is off until it is asked for: the moderators' bot, push services besides FCM, the check of links
# against a threat list, the archive, one key for the hashes of hwids in all logs.
#
# A secret is given to a function only then: a function whose secret has no value does not start.

locals {
  off = { settings = {}, secrets = {} }

  uses = merge(local.push_uses, {
    telegram = var.telegram == null ? local.off : {
      settings = { FANFARE_TELEGRAM_CHAT_ID = tostring(var.telegram.chat_id) }
      secrets  = { FANFARE_TELEGRAM_BOT_TOKEN = "telegram-bot-token" }
    }
    telegram_webhook = var.telegram == null ? local.off : {
      settings = {}
      secrets  = { FANFARE_TELEGRAM_WEBHOOK_SECRET = "telegram-webhook-secret" }
    }
    threats = !var.web_risk ? local.off : {
      settings = { FANFARE_THREATS = "webrisk" }
      secrets  = {}
    }
    keyed_logs = !var.keyed_logs ? local.off : {
      settings = {}
      secrets  = { FANFARE_LOG_KEY = "log-key" }
    }
    archive = var.archive == null ? local.off : {
      settings = merge(
        { FANFARE_ARCHIVE = var.archive.to, FANFARE_ARCHIVE_RETENTION_DAYS = local.archive.retention_days },
        local.archive.in_aws ? { FANFARE_AWS_REGION = local.archive.region, FANFARE_AWS_ROLE_ARN = one(aws_iam_role.archive[*].arn) } : {},
        local.archive.kms_key == null ? {} : { FANFARE_ARCHIVE_KMS_KEY = local.archive.kms_key },
      )
      secrets = {}
    }
  })

  push_uses = {
    for name, service in local.push_services : name => !contains(var.push_services, name) ? local.off : {
      settings = {}
      secrets  = { (service.variable) = service.secret }
    }
  }
}
