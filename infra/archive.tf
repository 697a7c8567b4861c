# A role in AWS for archiving finished notifications. Off unless aws_archive is given.
#
# No key is exchanged: AWS accepts the identity token of one account of Google, for one audience.

locals {
  archives = var.aws_archive != null
  archive  = local.archives ? var.aws_archive : { bucket = "none", region = "eu-west-1" }
}

resource "google_service_account" "archive" {
  count = local.archives ? 1 : 0

  project      = google_firestore_database.default.project
  account_id   = "fanfare-archive"
  display_name = "Writes the archive in AWS"
}

resource "aws_iam_role" "archive" {
  count = local.archives ? 1 : 0

  name                 = "fanfare-archive-${var.project}"
  description          = "Lets Fanfare in the project ${var.project} of Google Cloud write its archive."
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = "accounts.google.com" }
      Condition = {
        StringEquals = {
          "accounts.google.com:aud"  = google_service_account.archive[0].unique_id
          "accounts.google.com:sub"  = google_service_account.archive[0].unique_id
          "accounts.google.com:oaud" = "fanfare-archive"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "archive" {
  count = local.archives ? 1 : 0

  name = "write-archive"
  role = aws_iam_role.archive[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = ["arn:aws:s3:::${local.archive.bucket}/fanfare/${var.project}/*"]
    }]
  })
}
