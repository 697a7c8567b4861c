# One function by itself: what its module does with what it is given.

variables {
  name            = "say-hello"
  project         = "fanfare-dev"
  region          = "europe-west1"
  source_archive  = { bucket = "b", object = "o.zip" }
  build_account   = "projects/fanfare-dev/serviceAccounts/build"
  repository      = "projects/fanfare-dev/locations/europe-west1/repositories/r"
  roles           = ["roles/datastore.viewer"]
  environment     = { GREETING = "hello" }
  timeout_seconds = 60
  concurrency     = 8
  memory          = "512Mi"
  instances       = { least = 0, most = 2 }
}

run "a_public_function_takes_calls_from_everywhere" {
  command = plan
  module {
    source = "./modules/function"
  }

  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_ALL"
    error_message = "It must be reachable."
  }
  assert {
    condition     = tolist(google_cloud_run_service_iam_binding.invoker[0].members) == tolist(["allUsers"])
    error_message = "Everyone may call it."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].entry_point == "say_hello"
    error_message = "The entry point is the name with underscores."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].environment_variables["THREADS"] == "8"
    error_message = "As many threads as calls at a time."
  }
}

run "a_private_function_takes_internal_calls_of_its_caller_only" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    caller = "someone@fanfare-dev.iam.gserviceaccount.com"
  }

  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    error_message = "It must not be reachable from the internet."
  }
  assert {
    condition     = tolist(google_cloud_run_service_iam_binding.invoker[0].members) == tolist(["serviceAccount:someone@fanfare-dev.iam.gserviceaccount.com"])
    error_message = "Its caller, and nobody else."
  }
}

run "a_public_function_needs_no_grant_where_iam_is_not_asked" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    checks_invokers = false
  }

  assert {
    condition     = length(google_cloud_run_service_iam_binding.invoker) == 0
    error_message = "Nobody is named."
  }
  assert {
    condition     = length(terraform_data.no_invoker_check) == 1
    error_message = "Cloud Run is told not to ask."
  }
}

run "a_private_function_is_always_guarded_by_iam" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    caller          = "someone@fanfare-dev.iam.gserviceaccount.com"
    checks_invokers = false
  }
  expect_failures = [var.checks_invokers]
}

run "a_secret_is_referred_to_and_readable_by_this_function" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    secrets = { BOT_TOKEN = "telegram-bot-token" }
  }

  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].secret_environment_variables[0].secret == "telegram-bot-token"
    error_message = "The secret goes in by its name."
  }
  assert {
    condition     = !contains(keys(google_cloudfunctions2_function.this.service_config[0].environment_variables), "BOT_TOKEN")
    error_message = "And not as a plain variable."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.reads["telegram-bot-token"].role == "roles/secretmanager.secretAccessor"
    error_message = "The function must be able to read it."
  }
}

run "an_event_function_is_called_again_when_it_fails" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    caller           = "events@fanfare-dev.iam.gserviceaccount.com"
    document_written = { collection = "greetings", database = "(default)", database_location = "eur3" }
  }

  assert {
    condition     = google_cloudfunctions2_function.this.event_trigger[0].retry_policy == "RETRY_POLICY_RETRY"
    error_message = "Unset means that failed events are dropped."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.event_trigger[0].trigger_region == "eur3"
    error_message = "Events come from where the database is."
  }
  assert {
    condition     = one([for f in google_cloudfunctions2_function.this.event_trigger[0].event_filters : f.operator if f.attribute == "document"]) == "match-path-pattern"
    error_message = "Without the operator it deploys and is never called."
  }
}

run "an_event_function_without_a_caller_is_refused" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    document_written = { collection = "greetings", database = "(default)", database_location = "eur3" }
  }
  expect_failures = [var.document_written]
}

run "a_name_too_long_for_an_account_is_refused" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    name = "a-function-with-a-name-without-end"
  }
  expect_failures = [var.name]
}
