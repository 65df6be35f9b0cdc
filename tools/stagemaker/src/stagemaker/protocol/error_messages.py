"""Messages of the SageMaker errors that programs recognise by their messages. docs/errors.md lists the sources.

Placeholders: arn and name identify the resource; title is SageMaker's name for its kind. Others are from the request.
"""

RESOURCE_MISSING = 'Could not find {title} "{arn}".'
TRAINING_JOB_MISSING = "Requested resource not found."
JOB_MISSING = "Could not find requested job with name: {name}"
JOB_TO_STOP_MISSING = "Could not find job to update with name: {name}"
TUNING_JOB_MISSING = "Amazon SageMaker can't find a tuning job called {name}. Type another name."
GROUP_MISSING = "ModelPackageGroup {arn} does not exist."
GROUP_OF_POLICY_MISSING = "Cannot find Model Package Group: {arn}"
POLICY_MISSING = "Cannot find resource policy for: {arn}"
PACKAGE_MISSING = "Could not find model package {arn}, which does not exist."

RESOURCE_EXISTS = 'Cannot create already existing {title} "{arn}".'
UNIQUE_NAMES = "must be unique within an AWS account and region"
TRAINING_JOB_EXISTS = f"Training job names {UNIQUE_NAMES}, and a training job with this name already exists ({{arn}})"
JOB_EXISTS = f"Job name {UNIQUE_NAMES}, and a job with this name already exists ({{arn}})"
TUNING_JOB_EXISTS = "A hyperparameter tuning job with the name, {name}, already exists. Choose a different name."
GROUP_EXISTS = "Model Package Group already exists: {arn}"
PACKAGE_EXISTS = "ModelPackage already exists: {arn}"
PIPELINE_EXISTS = f"Pipeline names {UNIQUE_NAMES}. Pipeline with name ({{name}}) already exists."

NOT_STOPPABLE = "The request was rejected because the {title} is in status {status}."
MODEL_DATA_MISSING = "Could not find model data at {uri}."
INPUT_MISSING = (
    'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists in the '
    "selected region ({region}), that objects exist under that S3 prefix, and that {role} has "
    '"s3:ListBucket" permissions on bucket "{bucket}".'
)
NAMES_NOT_UNIQUE = "Input and Output names must be globally unique: [{names}]"
