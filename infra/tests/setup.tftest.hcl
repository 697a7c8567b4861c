# The whole setup, where it differs by what is asked for.

variables {
  project     = "fanfare-dev"
  environment = "dev"
}

run "by_default_data_is_protected" {
  command = plan

  assert {
    condition     = google_firestore_database.default.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
    error_message = "The last seven days can be recovered to the minute."
  }
  assert {
    condition     = google_firestore_database.default.delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_firestore_database.default.deletion_policy == "PREVENT"
    error_message = "Neither Google nor Terraform deletes the database."
  }
  assert {
    condition     = toset(keys(google_firestore_backup_schedule.kept)) == toset(["daily", "weekly"])
    error_message = "It is backed up every day and every week."
  }
}

run "by_default_nothing_reaches_aws" {
  command = plan

  assert {
    condition     = length(aws_iam_role.archive) == 0 && length(google_storage_bucket_iam_member.archive) == 0 && output.archive_role == null
    error_message = "The archive is off."
  }
}

run "the_archive_gets_a_role_that_can_change_nothing_and_nothing_elsewhere" {
  command = plan
  variables {
    archive = { to = "s3://an-archive/fanfare/dev", region = "eu-west-1" }
  }

  override_resource {
    target          = module.function["export-events"].google_service_account.runtime
    override_during = plan
    values          = { unique_id = "1234567890" }
  }
  override_resource {
    target          = aws_iam_role.archive[0]
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:role/archive" }
  }

  assert {
    condition = toset(flatten([for s in jsondecode(aws_iam_role_policy.archive[0].policy).Statement : s.Action])) == toset([
      "s3:PutObject", "s3:PutObjectRetention", "s3:GetObject", "s3:ListBucket", "s3:GetBucketObjectLockConfiguration",
    ])
    error_message = "It writes and reads; it neither replaces nor deletes, and holds no retention back."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.archive[0].policy).Statement[0].Resource == ["arn:aws:s3:::an-archive/fanfare/dev/*"]
    error_message = "In its own folder."
  }
  assert {
    condition = jsondecode(aws_iam_role.archive[0].assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "accounts.google.com:aud"  = "1234567890"
        "accounts.google.com:sub"  = "1234567890"
        "accounts.google.com:oaud" = "fanfare-archive"
      }
    }
    error_message = "For the account of one function, and for one audience."
  }
  assert {
    condition     = aws_iam_role.archive[0].max_session_duration == 3600
    error_message = "What it gets lasts an hour."
  }
  assert {
    condition     = output.archive_role == "arn:aws:iam::123456789012:role/archive"
    error_message = "The role is told."
  }
}

run "a_key_that_signs_the_archive_may_do_that_only" {
  command = plan
  variables {
    archive = { to = "s3://an-archive", region = "eu-west-1", kms_key = "arn:aws:kms:eu-west-1:123456789012:key/k" }
  }

  override_resource {
    target          = module.function["export-events"].google_service_account.runtime
    override_during = plan
    values          = { unique_id = "1234567890" }
  }
  override_resource {
    target          = aws_iam_role.archive[0]
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:role/archive" }
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.archive[0].policy).Statement[2].Action == ["kms:GetPublicKey", "kms:Sign"]
    error_message = "It signs."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.archive[0].policy).Statement[2].Resource == ["arn:aws:kms:eu-west-1:123456789012:key/k"]
    error_message = "With this key."
  }
}

run "links_are_looked_up_when_asked_for" {
  command = plan
  variables {
    web_risk = true
  }

  assert {
    condition     = contains(keys(google_project_service.api), "webrisk.googleapis.com")
    error_message = "The API must be on."
  }
}

run "a_budget_watches_this_project_only" {
  command = plan
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", monthly = 100 }
  }

  assert {
    condition     = google_billing_budget.monthly[0].amount[0].specified_amount[0].units == "100"
    error_message = "The amount is the one given."
  }
  assert {
    condition     = length(google_billing_budget.monthly[0].budget_filter[0].projects) == 1
    error_message = "One project."
  }
}

run "the_panel_may_be_served_elsewhere_too" {
  command = plan
  variables {
    panel_domains = ["panel.example.com"]
  }

  assert {
    condition     = contains(google_identity_platform_config.accounts.authorized_domains, "panel.example.com")
    error_message = "People can sign in there."
  }
  assert {
    condition     = contains(output.panel.origins, "https://panel.example.com")
    error_message = "Browsers may call from there."
  }
}

run "app_check_is_enforced_when_asked_for" {
  command = plan
  variables {
    app_check_enforced = true
  }

  assert {
    condition     = alltrue([for each in google_firebase_app_check_service_config.checked : each.enforcement_mode == "ENFORCED"])
    error_message = "Enforced means enforced."
  }
}

run "rates_beyond_what_fcm_allows_are_refused" {
  command = plan
  variables {
    batches_per_second = { bulk = 12 }
  }
  expect_failures = [var.batches_per_second]
}

run "with_a_higher_quota_they_are_not" {
  command = plan
  variables {
    batches_per_second      = { bulk = 12 }
    fcm_messages_per_minute = 900000
  }

  assert {
    condition     = google_cloud_tasks_queue.work["send-bulk"].rate_limits[0].max_dispatches_per_second == 12
    error_message = "The rate is the one given."
  }
}

run "a_demo_project_is_refused" {
  command = plan
  variables {
    project = "demo-fanfare"
  }
  expect_failures = [var.project]
}
