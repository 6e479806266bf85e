"""Groups of operations in the order of the course, one line each; imported by every start."""

GROUPS = {
    "data": "version folders of files, beside git",
    "label": "turn data into labelled data, one task at a time",
    "track": "run trainings and keep what they did",
    "models": "export, prove, measure, register and promote models",
    "serve": "deploy models and predict",
    "watch": "compare what is served with what was trained on",
    "flow": "run steps when something happens",
    "ship": "write the files that build and check a project elsewhere",
    "lineage": "follow anything back to where it came from",
    "events": "read what happened, in order",
    "jobs": "look at queued work",
    "refs": "look at names and what they pointed at",
    "admin": "check, clean and protect a project",
}
