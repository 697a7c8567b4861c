terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.46"
    }
    google-beta = {
      source  = "hashicorp/google-beta"
      version = "~> 7.46"
    }
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # Where the state is: a file made of envs/*.gcs.tfbackend.example, one bucket for each project.
  backend "gcs" {
    prefix = "fanfare"
  }
}

# A person who applies this uses up the quota of the project itself, not of the SDK's own one.
provider "google" {
  project               = var.project
  region                = var.region
  user_project_override = true
  billing_project       = var.project
  default_labels        = local.labels
}

provider "google-beta" {
  project               = var.project
  region                = var.region
  user_project_override = true
  billing_project       = var.project
  default_labels        = local.labels
}

# Without an archive there nothing here reaches AWS, and no credentials of AWS are needed.
provider "aws" {
  region                      = local.archive.region
  access_key                  = local.archive.in_aws ? null : "none"
  secret_key                  = local.archive.in_aws ? null : "none"
  skip_credentials_validation = !local.archive.in_aws
  skip_metadata_api_check     = !local.archive.in_aws
  skip_region_validation      = !local.archive.in_aws
  skip_requesting_account_id  = !local.archive.in_aws
}
